/**
 * Single files of an open disk by their paths, with nothing attached and no tool run: by a look into its directories.
 * No symlink is followed.
 */
import type { ContentRange, Disk } from "../../../engine/plugin/disk.ts";
import { fileExtents, wholeContent } from "./content.ts";
import { directoryEntries, ROOT_INODE } from "./directory.ts";
import { type Inode, parseInode } from "./inode.ts";
import { targetOf } from "./list-tree.ts";
import { atMost, damaged, openVolume, type RawInode, type ReadableDevice, type Volume } from "./volume.ts";

export interface FoundFile extends Pick<Inode, "type" | "mode" | "uid" | "gid" | "sizeBytes"> {
  links: number;
  /** Without extended attributes, of which content inside the inode is one, and without flags but for its layout. */
  isPlain: boolean;
  /** Of a symlink; a character for each byte. */
  target?: string;
  /** Of a regular file, where its content lies. Undefined: inside the inode. Throws as `find` does. */
  content(): Promise<readonly ContentRange[] | undefined>;
}

export interface FileFinder {
  /** `path`: names with slashes between them. Undefined: nothing is there, or only by way of a symlink. */
  find(path: string): Promise<FoundFile | undefined>;
}

/** Pieces of a disk that are read at once, and kept: directories and inodes lie together. */
const PIECE_BYTES = 32 * 1024;
/** In all. An image can be made in which finding a file takes without end. */
const MAX_BYTES = 32 * 1024 * 1024;
/** EXT4_EXTENTS_FL (inodes.rst, `i_flags`). */
const EXTENTS_FLAG = 0x8_0000;
/** Of extended attributes behind an inode's fixed part (attributes.rst, `h_magic`). */
const ATTRIBUTES_MAGIC = 0xea02_0000;

/**
 * The disk must not change while it is used. Undefined: it holds no such file system. This and `find` throw TplError
 * `ext4-damaged`, or `ext4-unreadable` for a feature that is not known here and for what is too large.
 */
export async function fileFinder(disk: Pick<Disk, "read" | "sizeBytes">): Promise<FileFinder | undefined> {
  const volume = await openVolume(inPieces(atMost(MAX_BYTES, disk)));
  if (!volume) return undefined;
  const directories = new Map<number, Promise<Map<string, number>>>();
  const namesIn = (raw: RawInode) => {
    const names = directories.get(raw.number) ?? readDirectory(volume, raw);
    directories.set(raw.number, names);
    return names;
  };
  return {
    async find(path) {
      let raw = await volume.inode(ROOT_INODE);
      for (const name of namesOf(path)) {
        if (parseInode(raw).type !== "directory") return undefined;
        const number = (await namesIn(raw)).get(name);
        if (number === undefined) return undefined;
        raw = await volume.inode(number);
      }
      return await foundFile({ volume, sizeBytes: disk.sizeBytes }, raw);
    },
  };
}

interface OpenVolume {
  volume: Volume;
  /** Of its disk. */
  sizeBytes: number;
}

/** As the bytes that they are in the image, each in a character. */
function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return names.map((name) => Buffer.from(name).toString("latin1"));
}

async function readDirectory(volume: Volume, raw: RawInode): Promise<Map<string, number>> {
  const inode = parseInode(raw);
  const content = await wholeContent(volume, inode, MAX_BYTES);
  const entries = [...directoryEntries(inode, content, volume.blockBytes)];
  return new Map(entries.map(({ name, number }) => [name, number]));
}

async function foundFile(open: OpenVolume, raw: RawInode): Promise<FoundFile> {
  const inode = parseInode(raw);
  const { type, mode, uid, gid, sizeBytes, tail } = inode;
  const flags = raw.bytes.readUInt32LE(0x20);
  const attributes = raw.bytes.readUInt32LE(0x68) + raw.bytes.readUInt16LE(0x76);
  const hasInlineAttributes = tail.length >= 4 && tail.readUInt32LE(0) === ATTRIBUTES_MAGIC;
  const found: FoundFile = {
    ...{ type, mode, uid, gid, sizeBytes },
    links: raw.bytes.readUInt16LE(0x1a),
    isPlain: (flags & ~EXTENTS_FLAG) === 0 && attributes === 0 && !hasInlineAttributes,
    content: () => contentRanges(open, inode),
  };
  if (type === "symlink") return { ...found, target: await targetOf(open.volume, inode) };
  return found;
}

async function contentRanges(
  { volume, sizeBytes }: OpenVolume,
  inode: Inode,
): Promise<ContentRange[] | undefined> {
  if (inode.type !== "file" || inode.layout === "inline") return undefined;
  const { blockBytes } = volume;
  const ranges: ContentRange[] = [];
  let done = 0;
  for (const { logical, physical, count } of await fileExtents(volume, inode)) {
    if (logical * blockBytes > done) ranges.push({ bytes: logical * blockBytes - done });
    done = logical * blockBytes;
    const [offset, bytes] = [physical * blockBytes, Math.min(count * blockBytes, inode.sizeBytes - done)];
    if (offset + bytes > sizeBytes) throw damaged(`it refers to byte ${offset + bytes}`);
    ranges.push({ offset, bytes });
    done += bytes;
  }
  if (inode.sizeBytes > done) ranges.push({ bytes: inode.sizeBytes - done });
  return ranges;
}

function inPieces(device: ReadableDevice): ReadableDevice {
  const pieces = new Map<number, Promise<Buffer>>();
  const piece = (index: number) => {
    const read = pieces.get(index) ?? device.read(index * PIECE_BYTES, PIECE_BYTES);
    pieces.set(index, read);
    return read;
  };
  return {
    sizeBytes: device.sizeBytes,
    async read(offset, length) {
      const first = Math.floor(offset / PIECE_BYTES);
      const end = Math.ceil((offset + length) / PIECE_BYTES);
      const parts = await Promise.all(Array.from({ length: end - first }, (_, i) => piece(first + i)));
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      const start = offset - first * PIECE_BYTES;
      if (all.length < start + length) throw damaged("its device ends early");
      return all.subarray(start, start + length);
    },
  };
}
