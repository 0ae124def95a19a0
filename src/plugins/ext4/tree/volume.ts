/**
 * Reads an ext2, ext3 or ext4 file system out of a block device, without a kernel, a tool or root: what `artifacts
 * diff` looks at images with. Only what lists and reads files is known here (the kernel's
 * Documentation/filesystems/ext4); nothing is ever written. The content is somebody else's: every number is checked
 * against the device before it is used, and what does not fit is a TplError `ext4-damaged`, never a crash.
 */
import { TplError } from "../../../engine/errors.ts";
import type { BlockDevice } from "../../../image/device.ts";
import { parseSuperblock, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET } from "../superblock.ts";

export type ReadableDevice = Pick<BlockDevice, "sizeBytes" | "read">;

/** An inode as it lies on the disk. */
export interface RawInode {
  number: number;
  bytes: Buffer;
}

export interface Volume {
  blockBytes: number;
  /** The root's is 2. Throws TplError `ext4-damaged` for one that there cannot be. */
  inode(number: number): Promise<RawInode>;
  /** Whole blocks: not to be changed. */
  blocks(first: number, count: number): Promise<Buffer>;
  /** The same in bytes. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Features (super.rst, "incompat"/"compat") with which inodes lie where this does not look, or are not yet what they say. */
const UNREADABLE = ["meta_bg", "compression", "journal_dev"];

/** Undefined: there is no such file system. Throws TplError `ext4-unreadable` or `ext4-damaged`. */
export async function openVolume(device: ReadableDevice): Promise<Volume | undefined> {
  if (device.sizeBytes < SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES) return undefined;
  const bytes = Buffer.from(await device.read(SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES));
  const superblock = parseSuperblock(bytes);
  if (!superblock) return undefined;
  const { features, blockSizeBytes: blockBytes, inodeSizeBytes, blocks, inodes } = superblock;
  const unreadable = UNREADABLE.filter((name) => features.includes(name));
  if (unreadable.length > 0)
    throw new TplError({
      code: "ext4-unreadable",
      message: `files of a file system with ${unreadable.join(", ")} cannot be listed`,
    });
  const inodesPerGroup = bytes.readUInt32LE(0x28);
  const firstDataBlock = bytes.readUInt32LE(0x14);
  const descriptorBytes = features.includes("64bit") ? bytes.readUInt16LE(0xfe) : 32;
  const groups = Math.ceil(inodes / inodesPerGroup);
  const plausible =
    inodesPerGroup > 0 && inodeSizeBytes >= 128 && inodeSizeBytes <= blockBytes && descriptorBytes >= 32;
  if (!plausible || blocks * blockBytes > device.sizeBytes) throw damaged("its superblock makes no sense");

  async function read(first: number, count: number): Promise<Buffer> {
    if (first <= 0 && firstDataBlock > 0) throw damaged(`it refers to block ${first}`);
    if (count < 0 || first + count > blocks)
      throw damaged(`it refers to blocks ${first} to ${first + count - 1} of ${blocks}`);
    return device.read(first * blockBytes, count * blockBytes);
  }

  async function readBytes(offset: number, length: number): Promise<Buffer> {
    if (offset + length > blocks * blockBytes) throw damaged(`it refers to byte ${offset + length}`);
    return device.read(offset, length);
  }

  async function inodeTable(group: number): Promise<number> {
    const at = (firstDataBlock + 1) * blockBytes + group * descriptorBytes;
    if (at + descriptorBytes > device.sizeBytes) throw damaged(`it has no group ${group}`);
    const descriptor = await device.read(at, descriptorBytes);
    const high = descriptorBytes >= 64 ? descriptor.readUInt32LE(0x28) : 0;
    return descriptor.readUInt32LE(0x8) + high * 2 ** 32;
  }

  const tables = new Map<number, number>();
  return {
    blockBytes,
    blocks: read,
    read: readBytes,
    async inode(number) {
      const group = Math.floor((number - 1) / inodesPerGroup);
      if (number < 1 || number > inodes || group >= groups) throw damaged(`it refers to inode ${number}`);
      const table = tables.get(group) ?? (await inodeTable(group));
      tables.set(group, table);
      const offset = ((number - 1) % inodesPerGroup) * inodeSizeBytes;
      const block = await read(table + Math.floor(offset / blockBytes), 1);
      const start = offset % blockBytes;
      return { number, bytes: block.subarray(start, start + inodeSizeBytes) };
    },
  };
}

/** The same device, of which no more is read: a TplError `ext4-unreadable` says so. */
export function atMost(maxBytes: number, device: ReadableDevice): ReadableDevice {
  let leftBytes = maxBytes;
  return {
    sizeBytes: device.sizeBytes,
    async read(offset, length) {
      leftBytes -= length;
      if (leftBytes >= 0) return device.read(offset, length);
      throw new TplError({
        code: "ext4-unreadable",
        message: `more than ${maxBytes} bytes would have to be read`,
      });
    },
  };
}

export function damaged(why: string): TplError {
  return new TplError({
    code: "ext4-damaged",
    message: `the file system is damaged: ${why}`,
    hint: "check it with ext4/fsck",
  });
}
