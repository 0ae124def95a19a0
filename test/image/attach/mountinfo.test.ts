import { expect, it } from "vitest";
import { mountsWithin, parseMountinfo } from "../../../src/image/attach/mountinfo.ts";

const text = String.raw`22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
40 22 0:39 / /run/a/d1.img ro,nosuid,nodev shared:7 master:3 - fuse /dev/fuse rw,user_id=0
41 22 7:0 / /mnt/with\040space\011tab\012newline\134back\043hash rw - ext4 /dev/my\040disk rw
42 22 0:40 / /run/ab rw - tmpfs  rw
`;

it("reads paths, types and sources, whatever optional fields there are", () => {
  expect(parseMountinfo(text).slice(0, 2)).toEqual([
    { path: "/", type: "ext4", source: "/dev/vda1", readOnly: false },
    { path: "/run/a/d1.img", type: "fuse", source: "/dev/fuse", readOnly: true },
  ]);
});

it("undoes the kernel's escapes", () => {
  expect(parseMountinfo(text)[2]).toEqual({
    path: "/mnt/with space\ttab\nnewline\\back#hash",
    type: "ext4",
    source: "/dev/my disk",
    readOnly: false,
  });
});

it("takes an empty source as it is", () => {
  expect(parseMountinfo(text)[3]).toMatchObject({ path: "/run/ab", type: "tmpfs", source: "" });
});

it("finds what is mounted at or below a folder, and not beside it", () => {
  const paths = (folder: string) => mountsWithin(folder, parseMountinfo(text)).map((mount) => mount.path);
  expect(paths("/run/a")).toEqual(["/run/a/d1.img"]);
  expect(paths("/run/ab")).toEqual(["/run/ab"]);
  expect(paths("/run")).toEqual(["/run/a/d1.img", "/run/ab"]);
  expect(paths("/run/a/d1")).toEqual([]);
  expect(paths("/")).toHaveLength(4);
});
