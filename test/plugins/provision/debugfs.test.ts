import { describe, expect, it } from "vitest";
import { isPlainPath, parseStat } from "../../../src/plugins/provision/debugfs.ts";

const DIRECTORY = `Inode: 24577   Type: directory    Mode:  0755   Flags: 0x80000
Generation: 0    Version: 0x00000000:00000003
User: 70000   Group:     5   Project:     0   Size: 4096
File ACL: 0
Links: 4   Blockcount: 8
`;

const SYMLINK = `Inode: 13   Type: symlink    Mode:  0777   Flags: 0x0
Generation: 0    Version: 0x00000000:00000000
User:     0   Group:     0   Project:     0   Size: 7
File ACL: 0
Links: 1   Blockcount: 0
Inode checksum: 0x3e1c1287
Fast link dest: "usr/lib"
`;

describe("debugfs' stat", () => {
  it("tells type, mode and owner", () => {
    expect(parseStat(DIRECTORY)).toEqual({
      inode: 24577,
      type: "directory",
      mode: 0o755,
      uid: 70000,
      gid: 5,
      sizeBytes: 4096,
    });
  });

  it("tells a symlink's target", () => {
    expect(parseStat(SYMLINK)).toMatchObject({ type: "symlink", linkTarget: "usr/lib" });
  });

  it("is empty where nothing is", () => {
    expect(parseStat("\n")).toBeUndefined();
  });
});

it("takes no path that would end a debugfs command or its quotes", () => {
  expect(isPlainPath("/etc/a file, with: marks")).toBe(true);
  expect(['/a"b', "/a\nquit", "/a\\b", "/a\tb", "/a\0"].filter(isPlainPath)).toEqual([]);
});
