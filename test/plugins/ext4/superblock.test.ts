import { describe, expect, it } from "vitest";
import { clockOf } from "../../../src/plugins/ext4/index.ts";
import { fileSystemBytes, parseSuperblock } from "../../../src/plugins/ext4/superblock.ts";
import { superblockBytes } from "./superblock-bytes.ts";

const INCOMPAT_64BIT = 0x80;

describe("a superblock", () => {
  it("tells sizes, names and features", () => {
    const superblock = parseSuperblock(superblockBytes())!;
    expect(superblock).toMatchObject({
      blockSizeBytes: 4096,
      blocks: 65_536,
      freeBlocks: 60_000,
      inodes: 65_536,
      freeInodes: 65_525,
      uuid: "00112233-4455-6677-8899-aabbccddeeff",
      label: "root",
      features: ["has_journal", "filetype", "extent", "sparse_super"],
      clean: true,
      hasErrors: false,
    });
    expect(fileSystemBytes(superblock)).toBe(256 * 1024 * 1024);
  });

  it("has the upper halves of its counts with 64bit alone", () => {
    expect(parseSuperblock(superblockBytes({ blocksHigh: 1 }))!.blocks).toBe(65_536);
    const wide = parseSuperblock(superblockBytes({ blocksHigh: 1, incompat: INCOMPAT_64BIT }))!;
    expect(wide.blocks).toBe(2 ** 32 + 65_536);
  });

  it("names a feature that is not known by its bit", () => {
    expect(parseSuperblock(superblockBytes({ incompat: 2 ** 31 }))!.features).toContain("FEATURE_I31");
  });

  it.each([
    ["another magic", superblockBytes({ magic: 0xef54 })],
    ["blocks of 1 TiB", superblockBytes({ logBlockSize: 30 })],
    ["more free blocks than blocks", superblockBytes({ blocks: 10, freeBlocks: 11 })],
    ["no blocks", superblockBytes({ blocks: 0, freeBlocks: 0 })],
    ["too few bytes", superblockBytes().subarray(0, 1000)],
  ])("with %s is none", (_, bytes) => {
    expect(parseSuperblock(bytes)).toBeUndefined();
  });

  it("gives the clock of a step: the latest time it knows", () => {
    const clock = clockOf(parseSuperblock(superblockBytes({ lastWritten: 1_700_000_000 }))!);
    expect(clock).toMatchObject({ E2FSPROGS_FAKE_TIME: "1700000000", SOURCE_DATE_EPOCH: "1700000000" });
  });
});
