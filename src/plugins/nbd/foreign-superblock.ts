/**
 * The superblocks of the file systems beside ext4 that a source may have: what they say of themselves. Offsets are
 * those of the kernel's fs/xfs/libxfs/xfs_format.h (`struct xfs_dsb`, big-endian) and
 * include/uapi/linux/btrfs_tree.h (`struct btrfs_super_block`, little-endian). What is parsed is untrusted.
 */
import type { FileSystemFacts } from "./file-system-facts.ts";

export interface ForeignFileSystem {
  facts: FileSystemFacts & { type: "xfs" | "btrfs" };
  /** How many devices it is spread over; a template's disk is one. */
  devices: number;
}

/** Where each superblock begins, in bytes, and how much of it is read. */
export const XFS_SUPERBLOCK = { offset: 0, bytes: 512 };
export const BTRFS_SUPERBLOCK = { offset: 64 * 1024, bytes: 1024 };

const MIB = 1024 * 1024;

/** Undefined: this is no XFS. */
export function parseXfs(bytes: Buffer): ForeignFileSystem | undefined {
  if (bytes.length < XFS_SUPERBLOCK.bytes || bytes.toString("latin1", 0, 4) !== "XFSB") return undefined;
  const blockSizeBytes = bytes.readUInt32BE(4);
  const amount = (offset: number) => Number(bytes.readBigUInt64BE(offset));
  const [blocks, inodes, freeInodes, freeBlocks] = [amount(8), amount(128), amount(136), amount(144)];
  return {
    devices: 1,
    facts: {
      type: "xfs",
      ...space(blocks * blockSizeBytes, freeBlocks * blockSizeBytes),
      blockSizeBytes,
      files: inodes - freeInodes,
      label: text(bytes.subarray(108, 120)),
      uuid: uuid(bytes.subarray(32, 48)),
      features: [],
    },
  };
}

/** Undefined: this is no btrfs. */
export function parseBtrfs(bytes: Buffer): ForeignFileSystem | undefined {
  if (bytes.length < BTRFS_SUPERBLOCK.bytes || bytes.toString("latin1", 64, 72) !== "_BHRfS_M")
    return undefined;
  const amount = (offset: number) => Number(bytes.readBigUInt64LE(offset));
  const [total, used] = [amount(112), amount(120)];
  return {
    devices: amount(136),
    facts: {
      type: "btrfs",
      ...space(total, total - used),
      blockSizeBytes: bytes.readUInt32LE(144),
      files: null,
      label: text(bytes.subarray(299, 299 + 256)),
      uuid: uuid(bytes.subarray(32, 48)),
      features: [],
    },
  };
}

function space(sizeBytes: number, freeBytes: number) {
  return {
    sizeMiB: Math.floor(sizeBytes / MIB),
    usedMiB: Math.ceil((sizeBytes - freeBytes) / MIB),
    freeMiB: Math.floor(freeBytes / MIB),
  };
}

function text(bytes: Buffer): string {
  return bytes.toString("utf8").replace(/\0.*$/s, "");
}

function uuid(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** `head`: the first `HEAD_BYTES` of an image or a file. Undefined: it holds neither. */
export function foreignIn(head: Buffer): ForeignFileSystem | undefined {
  return parseXfs(head) ?? parseBtrfs(head.subarray(BTRFS_SUPERBLOCK.offset));
}
