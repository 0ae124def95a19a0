import { expect, it } from "vitest";
import { type DiffReport, diffText } from "../../src/views/diff-text.ts";

const facts = { type: "file", mode: "0644", uid: 0, gid: 0, bytes: 5 };
const report: DiffReport = {
  a: { ref: "one", type: "image", digest: `sha256:${"a".repeat(64)}`, bytes: 1024 },
  b: { ref: "two", type: "image", digest: `sha256:${"b".repeat(64)}`, bytes: 2048 },
  ranges: [
    { offset: 0, length: 4096 },
    { offset: 65536, length: 8192 },
  ],
  files: [
    { path: "/new", kind: "added", after: facts, changed: [] },
    { path: "/link", kind: "removed", before: { ...facts, type: "symlink", target: "there" }, changed: [] },
    {
      path: "/etc/x",
      kind: "changed",
      before: facts,
      after: { ...facts, mode: "4755", uid: 7, bytes: 6 },
      changed: ["mode", "owner", "size", "content"],
    },
  ],
};

it("counts the ranges and tells of each file what was and what is", () => {
  expect(diffText(report, { ranges: "counted" }).split("\n")).toEqual([
    "one  image  sha256:aaaaaaaaaaaa  1 KiB",
    "two  image  sha256:bbbbbbbbbbbb  2 KiB",
    "2 ranges, 12 KiB differ",
    "files: 1 added, 1 removed, 1 changed",
    "+ /new  file 0644 0:0 5 B",
    "- /link  symlink 0644 0:0 → there",
    "~ /etc/x  mode 0644 → 4755; owner 0:0 → 7:0; size 5 B → 6 B; content",
  ]);
});

it("lists ranges that were asked for, and says why there are no files", () => {
  const { files: _, ...ranges } = report;
  expect(diffText(ranges, { ranges: "listed" })).toMatch(/differ\n0 4096\n65536 8192$/);
  const none = { ...ranges, files: null, filesWhy: "there is no ext4 file system in both" };
  expect(diffText(none, { ranges: "counted" })).toMatch(/files are not compared: there is no ext4/);
});

it("says it once where nothing differs", () => {
  const same = { ...report, b: { ...report.a, ref: "two" }, ranges: [], files: [] };
  expect(diffText(same, { ranges: "counted" }).split("\n").slice(2)).toEqual(["no difference"]);
});
