import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { availableAt, blocksFor } from "../../../src/plugins/ext4/space-model.ts";
import { parseSuperblock, type Superblock } from "../../../src/plugins/ext4/superblock.ts";
import { superblockBytes } from "./superblock-bytes.ts";

const base = parseSuperblock(superblockBytes())!;

/** File systems as mke2fs may make them: two groups of 128 MiB, of other inode ratios, features and reserved shares. */
const superblocks = fc
  .record({
    inodesPerGroup: fc.constantFrom(512, 2048, 8192, 32_768),
    inodeSizeBytes: fc.constantFrom(128, 256),
    descriptorBytes: fc.constantFrom(32, 64),
    reservedDescriptorBlocks: fc.nat(1024),
    reservedBlocks: fc.nat(6000),
    features: fc.subarray(["sparse_super", "sparse_super2", "resize_inode"]),
    backupGroups: fc.constantFrom([0, 0] as const, [1, 0] as const, [1, 1] as const),
  })
  .map((fields): Superblock => ({ ...base, ...fields }));

describe("the size for a free space", () => {
  it("has it, and a block less has not, unless resize2fs would leave that last group out", () => {
    fc.assert(
      fc.property(superblocks, fc.integer({ min: 16_384, max: 2 ** 28 }), (now, availableBlocks) => {
        const blocks = blocksFor(now, { availableBlocks });
        const surplus = availableAt(now, blocks) - availableBlocks;
        expect(surplus).toBeGreaterThanOrEqual(0);
        // 50 blocks of data are the least in a group that is kept; rounding the reserved ones adds one.
        expect(surplus).toBeLessThanOrEqual(51);
      }),
    );
  });

  it("counts reserved blocks apart", () => {
    const now = { ...base, reservedBlocks: 3000 };
    const blocks = blocksFor(now, { availableBlocks: 200_000, reservedBlocks: 10_000 });
    expect(blocks).toBe(blocksFor({ ...now, reservedBlocks: 0 }, { availableBlocks: 210_000 }));
  });

  it.each([
    ["bigalloc", { features: ["bigalloc"] }, "unsupported-feature"],
    ["nothing but inode tables", { inodesPerGroup: 32_768 * 16 }, "free-space-unreachable"],
  ])("is not solved for a file system with %s", (_, fields, code) => {
    expect(() => blocksFor({ ...base, ...fields }, { availableBlocks: 100_000 })).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
