/**
 * The ext4 superblock: what a file system says about itself, read from its first 2 KiB without running a tool.
 * Offsets, sizes and flags are those of the kernel's Documentation/filesystems/ext4/super.rst; all fields are
 * little-endian. What is parsed is untrusted: counts are checked for plausibility, nothing more is promised.
 */
import { featureNames } from "./features.ts";

/** Where the superblock begins on the device, in bytes. */
export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_BYTES = 1024;

const MAGIC = 0xef53;
const INCOMPAT_64BIT = 0x80;
const STATE_CLEAN = 0x1;
const STATE_ERRORS = 0x2;

export interface Superblock {
  blockSizeBytes: number;
  blocks: number;
  /** The first block that belongs to a block group: 1 where blocks have 1 KiB, else 0. */
  firstBlock: number;
  blocksPerGroup: number;
  inodesPerGroup: number;
  /** Of a group in the table of group descriptors. */
  descriptorBytes: number;
  /** Kept behind every copy of that table, so that it can grow (`resize_inode`). */
  reservedDescriptorBlocks: number;
  /** The groups with a backup under `sparse_super2`; 0 where there is none. */
  backupGroups: readonly [number, number];
  /** Under `meta_bg`: descriptors before this block of their table lie as without it. */
  firstMetaGroup: number;
  freeBlocks: number;
  /** Blocks only root may take. */
  reservedBlocks: number;
  inodes: number;
  freeInodes: number;
  inodeSizeBytes: number;
  uuid: string;
  /** Empty where it has none. */
  label: string;
  /** By e2fsprogs' names, in the order of their bits. */
  features: string[];
  /** Unmounted cleanly; a journal that is still to be replayed shows as the feature `needs_recovery`. */
  clean: boolean;
  /** The kernel or e2fsck met errors that are not repaired yet. */
  hasErrors: boolean;
  /** Seconds since the epoch; 0: never. */
  lastMounted: number;
  lastWritten: number;
  lastChecked: number;
  made: number;
  /** The first inode of the list of those that are deleted as soon as nobody has them open; 0: none. */
  firstOrphan: number;
}

/** Parses the 1024 bytes at `SUPERBLOCK_OFFSET`. Undefined: this is no ext2, ext3 or ext4 file system. */
export function parseSuperblock(bytes: Buffer): Superblock | undefined {
  if (bytes.length < SUPERBLOCK_BYTES || bytes.readUInt16LE(0x38) !== MAGIC) return undefined;
  const logBlockSize = bytes.readUInt32LE(0x18);
  if (logBlockSize > 6) return undefined;
  const dynamic = bytes.readUInt32LE(0x4c) >= 1;
  const incompat = dynamic ? bytes.readUInt32LE(0x60) : 0;
  const wide = (incompat & INCOMPAT_64BIT) !== 0;
  const count = (low: number, high: number) =>
    bytes.readUInt32LE(low) + (wide ? bytes.readUInt32LE(high) * 2 ** 32 : 0);
  // The time fields' high bytes came later; on older file systems they are zero.
  const time = (low: number, high: number) => bytes.readUInt32LE(low) + bytes.readUInt8(high) * 2 ** 32;
  const state = bytes.readUInt16LE(0x3a);
  const superblock: Superblock = {
    blockSizeBytes: 1024 << logBlockSize,
    blocks: count(0x4, 0x150),
    firstBlock: bytes.readUInt32LE(0x14),
    blocksPerGroup: bytes.readUInt32LE(0x20),
    inodesPerGroup: bytes.readUInt32LE(0x28),
    descriptorBytes: wide ? Math.max(bytes.readUInt16LE(0xfe), 32) : 32,
    reservedDescriptorBlocks: bytes.readUInt16LE(0xce),
    backupGroups: [bytes.readUInt32LE(0x24c), bytes.readUInt32LE(0x250)],
    firstMetaGroup: bytes.readUInt32LE(0x104),
    freeBlocks: count(0xc, 0x158),
    reservedBlocks: count(0x8, 0x154),
    inodes: bytes.readUInt32LE(0x0),
    freeInodes: bytes.readUInt32LE(0x10),
    inodeSizeBytes: dynamic ? bytes.readUInt16LE(0x58) : 128,
    uuid: formatUuid(bytes.subarray(0x68, 0x78)),
    label: bytes.toString("utf8", 0x78, 0x88).replace(/\0.*$/s, ""),
    features: dynamic ? featureNames(bytes.readUInt32LE(0x5c), incompat, bytes.readUInt32LE(0x64)) : [],
    clean: (state & STATE_CLEAN) !== 0,
    hasErrors: (state & STATE_ERRORS) !== 0,
    lastMounted: time(0x2c, 0x275),
    lastWritten: time(0x30, 0x274),
    lastChecked: time(0x40, 0x277),
    made: time(0x108, 0x276),
    firstOrphan: bytes.readUInt32LE(0xe8),
  };
  const plausible =
    superblock.blocks > 0 &&
    superblock.inodes > 0 &&
    superblock.freeBlocks <= superblock.blocks &&
    superblock.blocksPerGroup > 0;
  return plausible ? superblock : undefined;
}

/** The same of the beginning of a device. */
export function superblockIn(head: Buffer): Superblock | undefined {
  return parseSuperblock(head.subarray(SUPERBLOCK_OFFSET));
}

/**
 * Whether something is left to do that a check does not count as an error: a journal to replay, files to delete, or
 * the check after a mount that resize2fs insists on (resize/main.c).
 */
export function asksForRepair(superblock: Superblock): boolean {
  const { clean, hasErrors, features, firstOrphan, lastChecked, lastMounted } = superblock;
  const unfinished = features.includes("needs_recovery") || features.includes("orphan_present");
  return !clean || hasErrors || unfinished || firstOrphan !== 0 || lastChecked < lastMounted;
}

/** The size of the file system, in bytes; its device may be larger. */
export function fileSystemBytes(superblock: Superblock): number {
  return superblock.blocks * superblock.blockSizeBytes;
}

/** 16 bytes as `8-4-4-4-12` hex digits. */
export function formatUuid(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
