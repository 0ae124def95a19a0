/**
 * Where the metadata lies that a whole check of a file system reads, beside its superblock: group descriptors, bitmaps,
 * inode tables, directories, and the blocks of extents and of extended attributes (the kernel's
 * Documentation/filesystems/ext4: group_descr, inodes, ifork). It is for reading ahead: what is not found is read later,
 * so the extents of a file are followed no further than from its inode, and what lies beyond the device is let through.
 */
import { parseSuperblock, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET, type Superblock } from "../superblock.ts";
import { fileExtents } from "./content.ts";
import { parseInode } from "./inode.ts";
import { openVolume, type ReadableDevice, type Volume } from "./volume.ts";

export interface ByteRange {
  offset: number;
  length: number;
}

/** Flags of a group whose inode table, or block bitmap, was never written (group_descr.rst, `bg_flags`). */
const INODE_UNINIT = 0x1;
const BLOCK_UNINIT = 0x2;
/** A file system of 16 TiB has 128 Ki groups; what claims more than this is not read ahead. */
const MAX_DESCRIPTOR_BYTES = 16 * 1024 * 1024;

/** Of an inode's mode and flags (inodes.rst). */
const TYPE_MASK = 0xf000;
const DIRECTORY = 0x4000;
const EXTENTS_FLAG = 0x80000;
/** As many as fit in an inode (ifork.rst). */
const ROOT_EXTENTS = 4;

/**
 * Unordered, and they may overlap. Reads the inode tables, of at most `maxTableBytes`, for it. Empty where there is no
 * such file system. Throws TplError `ext4-damaged` or `ext4-unreadable`.
 */
export async function metadataRanges(
  device: ReadableDevice,
  { maxTableBytes }: { maxTableBytes: number },
): Promise<ByteRange[]> {
  const volume = await openVolume(device);
  const superblock = parseSuperblock(await device.read(SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES));
  if (!volume || !superblock) return [];
  const { bitmaps, tables } = await groupsOf(volume, superblock);
  const { blockBytes } = volume;
  const ranges = bitmaps.map((block) => ({ offset: block * blockBytes, length: blockBytes }));
  let leftBytes = maxTableBytes;
  for (const table of adjacentJoined(tables)) {
    const length = Math.min(table.length, leftBytes);
    leftBytes -= length;
    const inodes = await volume.read(table.offset, length);
    for (let at = 0; at + superblock.inodeSizeBytes <= length; at += superblock.inodeSizeBytes) {
      if (inodes.readUInt16LE(at) === 0) continue;
      const inode = inodes.subarray(at, at + superblock.inodeSizeBytes);
      addBlocksOf(ranges, volume, inode);
      if (isDirectory(inode) && hasDeepExtents(inode))
        for (const range of await contentOf(volume, inode)) ranges.push(range);
    }
  }
  return ranges;
}

/** Of a directory in more pieces than its inode names. */
async function contentOf(volume: Volume, bytes: Buffer): Promise<ByteRange[]> {
  const { blockBytes } = volume;
  // The number would be for messages about damage, which e2fsck tells better.
  const extents = await fileExtents(volume, parseInode({ number: 0, bytes }));
  return extents.map(({ physical, count }) => ({
    offset: physical * blockBytes,
    length: count * blockBytes,
  }));
}

/** Of the groups that have any: their bitmaps, and the used parts of their inode tables. */
async function groupsOf(
  volume: Volume,
  { firstBlock, blocks, blocksPerGroup, descriptorBytes, inodesPerGroup, inodeSizeBytes }: Superblock,
): Promise<{ bitmaps: number[]; tables: ByteRange[] }> {
  const groups = Math.ceil((blocks - firstBlock) / blocksPerGroup);
  const [bitmaps, tables]: [number[], ByteRange[]] = [[], []];
  if (groups < 1 || groups * descriptorBytes > MAX_DESCRIPTOR_BYTES) return { bitmaps, tables };
  const descriptors = await volume.read((firstBlock + 1) * volume.blockBytes, groups * descriptorBytes);
  for (let at = 0; at < descriptors.length; at += descriptorBytes) {
    const isWide = descriptorBytes >= 64;
    const block = (low: number, high: number) =>
      descriptors.readUInt32LE(at + low) + (isWide ? descriptors.readUInt32LE(at + high) * 2 ** 32 : 0);
    const unused =
      descriptors.readUInt16LE(at + 0x1c) + (isWide ? descriptors.readUInt16LE(at + 0x32) * 65536 : 0);
    const flags = descriptors.readUInt16LE(at + 0x12);
    if (!(flags & BLOCK_UNINIT)) bitmaps.push(block(0x0, 0x20));
    if (flags & INODE_UNINIT) continue;
    bitmaps.push(block(0x4, 0x24));
    const used = Math.max(0, inodesPerGroup - unused);
    tables.push({ offset: block(0x8, 0x28) * volume.blockBytes, length: used * inodeSizeBytes });
  }
  return { bitmaps, tables };
}

/** Tables of neighbouring groups follow each other (`flex_bg`), and are read as one. */
function adjacentJoined(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const { offset, length } of ranges) {
    const last = joined.at(-1);
    if (last && last.offset + last.length === offset) last.length += length;
    else joined.push({ offset, length });
  }
  return joined;
}

/** The root of its extents names the content of most directories (depth 0), and blocks with the extents of a large file. */
function addBlocksOf(ranges: ByteRange[], { blockBytes }: Volume, inode: Buffer): void {
  const add = (block: number, count: number) =>
    ranges.push({ offset: block * blockBytes, length: count * blockBytes });
  const attributes = inode.readUInt32LE(0x68) + inode.readUInt16LE(0x76) * 2 ** 32;
  if (attributes !== 0) add(attributes, 1);
  const isDeep = hasDeepExtents(inode);
  if (!hasExtents(inode) || !(isDeep || isDirectory(inode))) return;
  const entries = Math.min(inode.readUInt16LE(0x2a), ROOT_EXTENTS);
  for (let at = 0x34; at < 0x34 + entries * 12; at += 12)
    if (isDeep) add(inode.readUInt32LE(at + 4) + inode.readUInt16LE(at + 8) * 2 ** 32, 1);
    else add(inode.readUInt32LE(at + 8) + inode.readUInt16LE(at + 6) * 2 ** 32, inode.readUInt16LE(at + 4));
}

function isDirectory(inode: Buffer): boolean {
  return (inode.readUInt16LE(0) & TYPE_MASK) === DIRECTORY;
}

function hasExtents(inode: Buffer): boolean {
  return (inode.readUInt32LE(0x20) & EXTENTS_FLAG) !== 0;
}

function hasDeepExtents(inode: Buffer): boolean {
  return hasExtents(inode) && inode.readUInt16LE(0x2e) > 0;
}
