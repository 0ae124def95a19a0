/**
 * Where a file's content lies: extents, the block lists of ext2 and ext3, or inside the inode (the kernel's
 * Documentation/filesystems/ext4/dynamic.rst: ifork, inlinedata).
 */

import { inlineData } from "./inline-data.ts";
import type { Inode } from "./inode.ts";
import { damaged, type Volume } from "./volume.ts";

/** Blocks of a file that lie together; what none names is zeros. */
export interface FileExtent {
  /** Of the file, in blocks. */
  logical: number;
  /** Of the volume. */
  physical: number;
  count: number;
}

const EXTENT_MAGIC = 0xf30a;
/** The kernel makes no deeper trees (`EXT4_MAX_EXTENT_DEPTH`). */
const MAX_DEPTH = 5;
/** A longer extent is allocated, but was never written: it reads as zeros. */
const MAX_WRITTEN = 32768;
/** In a damaged tree, nodes may refer to one another. */
const MAX_NODES = 1_000_000;

/** Ascending, and none beyond the file's size; none for content inside the inode. Throws TplError `ext4-damaged`. */
export async function fileExtents(volume: Volume, inode: Inode): Promise<FileExtent[]> {
  if (inode.layout === "inline") return [];
  const found: FileExtent[] = [];
  const walk = { volume, inode, found, nodes: 0 };
  if (inode.layout === "extents") await walkExtents(walk, inode.block, MAX_DEPTH + 1);
  else await walkBlockLists(walk);
  return cut(found, Math.ceil(inode.sizeBytes / volume.blockBytes));
}

/** The whole content of a small thing: a directory, a symlink. Throws TplError `ext4-damaged` for more than `maxBytes`. */
export async function wholeContent(volume: Volume, inode: Inode, maxBytes: number): Promise<Buffer> {
  if (inode.sizeBytes > maxBytes) throw damaged(`inode ${inode.number} has ${inode.sizeBytes} bytes`);
  if (inode.layout === "inline") return inlineData(inode);
  const content = Buffer.alloc(inode.sizeBytes);
  for (const { logical, physical, count } of await fileExtents(volume, inode))
    (await volume.blocks(physical, count)).copy(content, logical * volume.blockBytes);
  return content;
}

interface Walk {
  volume: Volume;
  inode: Inode;
  found: FileExtent[];
  nodes: number;
}

async function walkExtents(walk: Walk, node: Buffer, depthAbove: number): Promise<void> {
  const [magic, entries, depth] = [node.readUInt16LE(0), node.readUInt16LE(2), node.readUInt16LE(6)];
  if (magic !== EXTENT_MAGIC || depth >= depthAbove || 12 + entries * 12 > node.length)
    throw damaged(`the extents of inode ${walk.inode.number} make no sense`);
  for (let at = 12; at < 12 + entries * 12; at += 12) {
    const logical = node.readUInt32LE(at);
    if (depth > 0) {
      const below = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
      await walkExtents(walk, await nodeAt(walk, below), depth);
      continue;
    }
    const count = node.readUInt16LE(at + 4);
    const physical = node.readUInt32LE(at + 8) + node.readUInt16LE(at + 6) * 2 ** 32;
    if (count <= MAX_WRITTEN) walk.found.push({ logical, physical, count });
  }
}

/** Twelve blocks, then one list of blocks, one list of lists, and one of those. */
async function walkBlockLists(walk: Walk): Promise<void> {
  const { block } = walk.inode;
  const perBlock = walk.volume.blockBytes / 4;
  const end = Math.ceil(walk.inode.sizeBytes / walk.volume.blockBytes);
  let logical = 0;
  for (; logical < 12; logical++) addBlock(walk, logical, block.readUInt32LE(logical * 4));
  for (const level of [1, 2, 3]) {
    if (logical >= end) return;
    await walkList(walk, { number: block.readUInt32LE(44 + level * 4), level, logical, end });
    logical += perBlock ** level;
  }
}

async function walkList(
  walk: Walk,
  { number, level, logical, end }: { number: number; level: number; logical: number; end: number },
): Promise<void> {
  if (number === 0) return;
  const list = await nodeAt(walk, number);
  const covered = (list.length / 4) ** (level - 1);
  for (let i = 0; i < list.length / 4 && logical + i * covered < end; i++) {
    const below = { number: list.readUInt32LE(i * 4), level: level - 1, logical: logical + i * covered, end };
    if (level === 1) addBlock(walk, below.logical, below.number);
    else await walkList(walk, below);
  }
}

function addBlock({ found }: Walk, logical: number, physical: number): void {
  if (physical === 0) return;
  const last = found.at(-1);
  if (last && last.logical + last.count === logical && last.physical + last.count === physical) last.count++;
  else found.push({ logical, physical, count: 1 });
}

async function nodeAt(walk: Walk, block: number): Promise<Buffer> {
  if (++walk.nodes > MAX_NODES) throw damaged(`the blocks of inode ${walk.inode.number} make no sense`);
  return await walk.volume.blocks(block, 1);
}

/** Without what lies behind the file's end. Overlapping extents are damage: content would depend on their order. */
function cut(extents: readonly FileExtent[], endBlock: number): FileExtent[] {
  let end = 0;
  for (const { logical, count } of extents) {
    if (logical < end) throw damaged("extents of a file overlap");
    end = logical + count;
  }
  return extents
    .filter(({ logical }) => logical < endBlock)
    .map((extent) => ({ ...extent, count: Math.min(extent.count, endBlock - extent.logical) }));
}
