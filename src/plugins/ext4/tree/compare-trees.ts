/** Which files differ between two volumes: what there is, what it is, and what is in it. Times are no difference. */
import { type FileExtent, fileExtents, wholeContent } from "./content.ts";
import { listTree, type TreeEntry } from "./list-tree.ts";
import { openVolume, type ReadableDevice, type Volume } from "./volume.ts";

export type Aspect = "type" | "mode" | "owner" | "size" | "target" | "content";

export interface FileDifference {
  /** A character for each byte, as `listTree` has it. */
  path: string;
  kind: "added" | "removed" | "changed";
  before?: TreeEntry;
  after?: TreeEntry;
  /** Of a changed one, what of it. */
  aspects: Aspect[];
}

export interface CompareOptions {
  /** Whether both devices have the same bytes in a range, as far as is known without reading it. */
  areAlike(offset: number, length: number): boolean;
  signal?: AbortSignal;
}

/** Ordered by path. Undefined: one of them holds no ext4 file system. Throws TplError `ext4-…`. */
export async function compareTrees(
  before: ReadableDevice,
  after: ReadableDevice,
  options: CompareOptions,
): Promise<FileDifference[] | undefined> {
  const [a, b] = [await openVolume(before), await openVolume(after)];
  if (!a || !b) return undefined;
  const [treeA, treeB] = [await listTree(a, options), await listTree(b, options)];
  const differences: FileDifference[] = [];
  for (const path of [...new Set([...treeA.keys(), ...treeB.keys()])].sort()) {
    options.signal?.throwIfAborted();
    const [entryA, entryB] = [treeA.get(path), treeB.get(path)];
    if (!entryA && entryB) differences.push({ path, kind: "added", after: entryB, aspects: [] });
    if (entryA && !entryB) differences.push({ path, kind: "removed", before: entryA, aspects: [] });
    if (!entryA || !entryB) continue;
    const aspects = [...differentAspects(entryA, entryB)];
    if (await contentDiffers({ a, b, entryA, entryB, options })) aspects.push("content");
    if (aspects.length > 0)
      differences.push({ path, kind: "changed", before: entryA, after: entryB, aspects });
  }
  return differences;
}

function* differentAspects(a: TreeEntry, b: TreeEntry): Generator<Aspect> {
  if (a.type !== b.type) yield "type";
  if (a.mode !== b.mode) yield "mode";
  if (a.uid !== b.uid || a.gid !== b.gid) yield "owner";
  if (a.sizeBytes !== b.sizeBytes) yield "size";
  if (a.target !== b.target) yield "target";
}

interface Pair {
  a: Volume;
  b: Volume;
  entryA: TreeEntry;
  entryB: TreeEntry;
  options: CompareOptions;
}

const PIECE_BYTES = 256 * 1024;
/** More cannot be inside an inode, whatever its size. */
const MAX_INLINE_BYTES = 65536;

/** Of regular files; those of different sizes differ. */
async function contentDiffers(pair: Pair): Promise<boolean> {
  const { a, b, entryA, entryB, options } = pair;
  if (entryA.type !== "file" || entryB.type !== "file") return false;
  if (entryA.sizeBytes !== entryB.sizeBytes) return true;
  if (entryA.inode.layout === "inline" || entryB.inode.layout === "inline")
    return await inlineContentDiffers(pair);
  for (const piece of pieces(await byteExtents(a, entryA), await byteExtents(b, entryB))) {
    options.signal?.throwIfAborted();
    const { physicalA, physicalB } = piece;
    // What lies behind the file's end in its last block is nobody's.
    const length = Math.min(piece.count, entryA.sizeBytes - piece.logical);
    if (length <= 0) return false;
    if (physicalA === physicalB && options.areAlike(physicalA!, length)) continue;
    const [bytesA, bytesB] = await Promise.all([
      bytesAt(a, physicalA, length),
      bytesAt(b, physicalB, length),
    ]);
    if (!bytesA.equals(bytesB)) return true;
  }
  return false;
}

async function inlineContentDiffers({ a, b, entryA, entryB }: Pair): Promise<boolean> {
  const [contentA, contentB] = await Promise.all([
    wholeContent(a, entryA.inode, MAX_INLINE_BYTES),
    wholeContent(b, entryB.inode, MAX_INLINE_BYTES),
  ]);
  return !contentA.equals(contentB);
}

/** The extents of a file in bytes, so that those of volumes with other blocks line up. */
async function byteExtents(volume: Volume, { inode }: TreeEntry): Promise<FileExtent[]> {
  const { blockBytes } = volume;
  return (await fileExtents(volume, inode)).map(({ logical, physical, count }) => ({
    logical: logical * blockBytes,
    physical: physical * blockBytes,
    count: count * blockBytes,
  }));
}

/** Bytes of a file that lie together in both volumes, or in no extent of one of them: zeros there. */
interface SharedPiece {
  logical: number;
  count: number;
  physicalA: number | undefined;
  physicalB: number | undefined;
}

/** Ascending, without what is zeros in both. */
function* pieces(a: readonly FileExtent[], b: readonly FileExtent[]): Generator<SharedPiece> {
  let [i, j, at] = [0, 0, 0];
  for (;;) {
    while (i < a.length && a[i]!.logical + a[i]!.count <= at) i++;
    while (j < b.length && b[j]!.logical + b[j]!.count <= at) j++;
    const [extentA, extentB] = [a[i], b[j]];
    if (!extentA && !extentB) return;
    const starts = [extentA, extentB].flatMap((extent) => (extent ? [extent.logical] : []));
    at = Math.max(at, Math.min(...starts));
    const [inA, inB] = [placeIn(extentA, at), placeIn(extentB, at)];
    const ends = [extentA, extentB].flatMap((extent) => {
      if (!extent) return [];
      return [extent.logical > at ? extent.logical : extent.logical + extent.count];
    });
    const count = Math.min(...ends, at + PIECE_BYTES) - at;
    yield { logical: at, count, physicalA: inA, physicalB: inB };
    at += count;
  }
}

function placeIn(extent: FileExtent | undefined, at: number): number | undefined {
  return extent && extent.logical <= at ? extent.physical + at - extent.logical : undefined;
}

function bytesAt(volume: Volume, offset: number | undefined, length: number): Promise<Buffer> {
  return offset === undefined ? Promise.resolve(Buffer.alloc(length)) : volume.read(offset, length);
}
