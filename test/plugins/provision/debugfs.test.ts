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
      links: 4,
      isPlain: true,
    });
  });

  it.each([
    ["an ACL in a block of its own", "File ACL: 0", "File ACL: 4711"],
    ["a flag", "Flags: 0x0", "Flags: 0x10"],
    [
      "an attribute",
      "Inode checksum",
      "Extended attributes:\n  security.capability (20) = 01\nInode checksum",
    ],
  ])("tells of %s", (_, plain, other) => {
    expect(parseStat(SYMLINK)).toMatchObject({ links: 1, isPlain: true });
    expect(parseStat(SYMLINK.replace(plain, other))).toMatchObject({ isPlain: false });
  });

  it("takes content in the inode for no attribute", () => {
    const text = SYMLINK.replace("0x0\n", "0x10000000\n").replace(
      "Inode ch",
      "Extended attributes:\n  system.data (7)\nInode ch",
    );
    expect(parseStat(text)).toMatchObject({ isPlain: true });
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
