/** The fields of an inode (the kernel's Documentation/filesystems/ext4/inodes.rst). */
import type { RawInode } from "./volume.ts";

export type FileType =
  | "file"
  | "directory"
  | "symlink"
  | "fifo"
  | "socket"
  | "character"
  | "block"
  | "unknown";

export interface Inode {
  number: number;
  type: FileType;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  /** How its content is found. */
  layout: "extents" | "blocks" | "inline";
  /** `i_block`: 60 bytes of extents, block numbers, content, or the target of a short symlink. */
  block: Buffer;
  /** What follows the fixed part: extended attributes. */
  tail: Buffer;
}

const TYPES: Readonly<Record<number, FileType>> = {
  1: "fifo",
  2: "character",
  4: "directory",
  6: "block",
  8: "file",
  10: "symlink",
  12: "socket",
};

const EXTENTS_FLAG = 0x80000;
const INLINE_DATA_FLAG = 0x10000000;
/** Of an inode of the oldest size; `i_extra_isize` says how far the fixed part goes beyond it. */
const OLD_INODE_BYTES = 128;

export function parseInode({ number, bytes }: RawInode): Inode {
  const mode = bytes.readUInt16LE(0);
  const flags = bytes.readUInt32LE(0x20);
  const extraBytes = bytes.length > OLD_INODE_BYTES ? bytes.readUInt16LE(0x80) : 0;
  const layout = flags & INLINE_DATA_FLAG ? "inline" : flags & EXTENTS_FLAG ? "extents" : "blocks";
  return {
    number,
    type: TYPES[mode >> 12] ?? "unknown",
    mode: mode & 0o7777,
    uid: bytes.readUInt16LE(0x2) + bytes.readUInt16LE(0x78) * 65536,
    gid: bytes.readUInt16LE(0x18) + bytes.readUInt16LE(0x7a) * 65536,
    sizeBytes: bytes.readUInt32LE(0x4) + bytes.readUInt32LE(0x6c) * 2 ** 32,
    layout,
    block: bytes.subarray(0x28, 0x28 + 60),
    tail: bytes.subarray(OLD_INODE_BYTES + extraBytes),
  };
}

/** Of a device file, as `MAJOR:MINOR` (the kernel's `new_decode_dev` and `old_decode_dev`). */
export function deviceNumber({ block }: Inode): string {
  const old = block.readUInt32LE(0);
  if (old !== 0) return `${(old >> 8) & 0xff}:${old & 0xff}`;
  const wide = block.readUInt32LE(4);
  return `${(wide >> 8) & 0xfff}:${(wide & 0xff) | ((wide >> 12) & 0xfff00)}`;
}
