/**
 * Every file of a volume by its path. Names are bytes, and stay so: a path is a string with a character for each byte
 * (latin1), which `shown-path.ts` makes readable.
 */
import { wholeContent } from "./content.ts";
import { directoryEntries, ROOT_INODE } from "./directory.ts";
import { deviceNumber, type FileType, type Inode, parseInode } from "./inode.ts";
import { damaged, type Volume } from "./volume.ts";

export interface TreeEntry {
  type: FileType;
  mode: number;
  uid: number;
  gid: number;
  /** 0 for what is no file: the size of a directory says how it grew, not what is in it. */
  sizeBytes: number;
  /** Of a symlink, a character for each byte; of a device file `MAJOR:MINOR`. */
  target?: string;
  inode: Inode;
}

/** PATH_MAX: the kernel follows no longer target. */
const MAX_TARGET_BYTES = 4096;
const MAX_DIRECTORY_BYTES = 2 ** 30;
const FAST_SYMLINK_BYTES = 60;

/** `/` is there too. Throws TplError `ext4-damaged`, or the reason of `signal`. */
export async function listTree(
  volume: Volume,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Map<string, TreeEntry>> {
  const root = parseInode(await volume.inode(ROOT_INODE));
  const entries = new Map<string, TreeEntry>([["/", await entryOf(volume, root)]]);
  const waiting = [{ path: "", inode: root }];
  /** A directory has one name: a second one would make a circle. */
  const seen = new Set([ROOT_INODE]);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    signal?.throwIfAborted();
    const content = await wholeContent(volume, next.inode, MAX_DIRECTORY_BYTES);
    for (const { name, number } of directoryEntries(next.inode, content, volume.blockBytes)) {
      const inode = parseInode(await volume.inode(number));
      const path = `${next.path}/${name}`;
      entries.set(path, await entryOf(volume, inode));
      if (inode.type !== "directory") continue;
      if (seen.has(number)) throw damaged(`inode ${number} is a directory with two names`);
      seen.add(number);
      waiting.push({ path, inode });
    }
  }
  return entries;
}

async function entryOf(volume: Volume, inode: Inode): Promise<TreeEntry> {
  const { type, mode, uid, gid } = inode;
  const entry = { type, mode, uid, gid, sizeBytes: type === "file" ? inode.sizeBytes : 0, inode };
  if (type === "symlink") return { ...entry, target: await targetOf(volume, inode) };
  if (type === "character" || type === "block") return { ...entry, target: deviceNumber(inode) };
  return entry;
}

/** A character for each byte. A short target stands where the list of blocks would. */
export async function targetOf(volume: Volume, inode: Inode): Promise<string> {
  const isFast = inode.layout === "blocks" && inode.sizeBytes < FAST_SYMLINK_BYTES;
  const content = isFast
    ? inode.block.subarray(0, inode.sizeBytes)
    : await wholeContent(volume, inode, MAX_TARGET_BYTES);
  return content.toString("latin1");
}
