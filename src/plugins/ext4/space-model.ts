/**
 * How much room a file system would have at another size: what resize2fs adds and takes away, group by group.
 * Which group has what is told in the kernel's Documentation/filesystems/ext4/ (group_descr.rst, special_inodes.rst
 * and blockgroup.rst, sections "Sparse superblocks", "Meta Block Groups" and "Layout"), what resize2fs does with a
 * last group that is too small in `adjust_fs_info` of e2fsprogs' resize/resize2fs.c. Counts are in blocks.
 */
import { TplError } from "../../engine/errors.ts";
import type { Superblock } from "./superblock.ts";

/** A last group of fewer blocks than its metadata and this many more is left out (`adjust_fs_info`). */
const LEAST_DATA_BLOCKS = 50;

/** More than any file system has: 16 TiB in blocks of 1 KiB, four times. */
const MAX_BLOCKS = 2 ** 36;

/** Blocks that anybody may take: those free in the groups, less the reserved ones. */
export function availableBlocks({ freeBlocks, reservedBlocks }: Superblock): number {
  return freeBlocks - reservedBlocks;
}

/** What the model needs beside the superblock. `reservedBlocks`: set to this afterwards; absent: their share stays. */
export interface Wanted {
  availableBlocks: number;
  reservedBlocks?: number | undefined;
}

/**
 * The smallest number of blocks with which at least `wanted.availableBlocks` are available after resize2fs.
 * `now` is a file system that was checked. Throws TplError `unsupported-feature` for bigalloc, whose groups count
 * in clusters.
 */
export function blocksFor(now: Superblock, wanted: Wanted): number {
  if (now.features.includes("bigalloc"))
    throw new TplError({
      code: "unsupported-feature",
      message: "freeMiB cannot be solved for a file system with bigalloc",
      hint: "give sizeMiB",
    });
  const enough = (blocks: number) =>
    availableAt(now, blocks, wanted.reservedBlocks) >= wanted.availableBlocks;
  const groups = leastOf(1, (count) => enough(endOf(now, count)));
  const before = endOf(now, groups - 1);
  const least = before + leastBlocksOfGroup(now, groups);
  return least >= endOf(now, groups) ? endOf(now, groups) : leastOf(least, enough);
}

/** What is available after resize2fs has made it `blocks` large, in whole groups and a last one that it keeps. */
export function availableAt(now: Superblock, blocks: number, reservedBlocks?: number): number {
  const reservedNow = now.reservedBlocks;
  const reserved = reservedBlocks ?? Math.floor((reservedNow * blocks) / now.blocks);
  const added = blocks - now.blocks - (metadataBlocks(now, blocks) - metadataBlocks(now, now.blocks));
  return now.freeBlocks + added - reserved;
}

/** Superblocks, group descriptors, room for more of those, bitmaps and inode tables of all groups. */
function metadataBlocks(now: Superblock, blocks: number): number {
  const groups = groupsOf(now, blocks);
  return groups * (2 + inodeTableBlocks(now)) + copiesOfDescriptors(now, groups);
}

function copiesOfDescriptors(now: Superblock, groups: number): number {
  const backups = groupsWithBackup(now, groups);
  const table = descriptorBlocks(now, groups);
  if (!now.features.includes("meta_bg")) return backups * (1 + table + reservedDescriptorBlocks(now, groups));
  // A meta block group is as many groups as one block describes; its first, second and last have that block.
  const first = Math.min(now.firstMetaGroup, table);
  const perMetaGroup = Math.floor(now.blockSizeBytes / now.descriptorBytes);
  const metaGroups = table - first;
  const inLast = groups - (table - 1) * perMetaGroup;
  const copies = metaGroups === 0 ? 0 : (metaGroups - 1) * 3 + Math.min(3, inLast);
  return backups * (1 + first) + copies;
}

/** The room for more descriptors shrinks by what the table takes (`adjust_fs_info`). */
function reservedDescriptorBlocks(now: Superblock, groups: number): number {
  const tableNow = descriptorBlocks(now, groupsOf(now, now.blocks));
  if (!now.features.includes("resize_inode")) return now.reservedDescriptorBlocks;
  const left = now.reservedDescriptorBlocks + tableNow - descriptorBlocks(now, groups);
  return Math.min(Math.max(left, 0), now.blockSizeBytes / 4);
}

/** How many of the first `groups` groups begin with a superblock (super.rst, `sparse_super` and `sparse_super2`). */
function groupsWithBackup(now: Superblock, groups: number): number {
  if (now.features.includes("sparse_super2"))
    return Math.min(groups, 1 + now.backupGroups.filter((group) => group > 0).length);
  if (!now.features.includes("sparse_super")) return groups;
  let count = Math.min(groups, 2);
  for (const base of [3, 5, 7]) for (let group = base; group < groups; group *= base) count++;
  return count;
}

function descriptorBlocks(now: Superblock, groups: number): number {
  return Math.ceil((groups * now.descriptorBytes) / now.blockSizeBytes);
}

function inodeTableBlocks({ inodesPerGroup, inodeSizeBytes, blockSizeBytes }: Superblock): number {
  return Math.ceil((inodesPerGroup * inodeSizeBytes) / blockSizeBytes);
}

/** The fewest blocks with which resize2fs makes a `groups`-th group. */
function leastBlocksOfGroup(now: Superblock, groups: number): number {
  const hasBackup = groupsWithBackup(now, groups) > groupsWithBackup(now, groups - 1);
  const backup = hasBackup ? 1 + descriptorBlocks(now, groups) + reservedDescriptorBlocks(now, groups) : 0;
  return 2 + inodeTableBlocks(now) + backup + LEAST_DATA_BLOCKS;
}

function groupsOf({ firstBlock, blocksPerGroup }: Superblock, blocks: number): number {
  return Math.ceil((blocks - firstBlock) / blocksPerGroup);
}

/** Blocks of a file system with that many whole groups. */
function endOf({ firstBlock, blocksPerGroup }: Superblock, groups: number): number {
  return firstBlock + groups * blocksPerGroup;
}

/** The smallest number from `from` on that `is` so, given that it then stays so. */
function leastOf(from: number, is: (value: number) => boolean): number {
  let step = 1;
  for (; !is(from + step - 1); step *= 2) if (step > MAX_BLOCKS) throw unreachable();
  let low = from + Math.floor(step / 2) - 1;
  let high = from + step - 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (is(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function unreachable(): TplError {
  return new TplError({
    code: "free-space-unreachable",
    message: "this file system gains no free space by growing: inode tables and reserved blocks take it all",
    hint: "give sizeMiB, or fewer reserved blocks (reservedMiB)",
  });
}
