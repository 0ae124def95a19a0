/** The names in a directory (the kernel's Documentation/filesystems/ext4: directory, inlinedata). */
import type { Inode } from "./inode.ts";
import { damaged } from "./volume.ts";

export const ROOT_INODE = 2;
const INLINE_AREA_BYTES = 60;

export interface Name {
  /** A character for each byte. */
  name: string;
  /** Of its inode. */
  number: number;
}

/**
 * `content`: all of it. Both kinds of directories are read alike: the nodes of a hash tree look like deleted entries. One
 * inside an inode has two areas, the first behind its parent's number. Without `.` and `..`. Throws TplError
 * `ext4-damaged`.
 */
export function* directoryEntries(
  { number, layout }: Inode,
  content: Buffer,
  blockBytes: number,
): Generator<Name> {
  if (layout === "inline") {
    yield* entriesIn(content.subarray(4, INLINE_AREA_BYTES), number);
    yield* entriesIn(content.subarray(INLINE_AREA_BYTES), number);
    return;
  }
  for (let start = 0; start < content.length; start += blockBytes)
    yield* entriesIn(content.subarray(start, start + blockBytes), number);
}

function* entriesIn(block: Buffer, directory: number): Generator<Name> {
  for (let at = 0; at + 8 <= block.length; ) {
    const [number, nameLength] = [block.readUInt32LE(at), block[at + 6]!];
    // A block of 64 KiB cannot say its own length in 16 bits.
    const length = block.readUInt16LE(at + 4) || block.length;
    if (length < 8 || at + 8 + nameLength > block.length)
      throw damaged(`the directory of inode ${directory} makes no sense`);
    const name = block.toString("latin1", at + 8, at + 8 + nameLength);
    if (number !== 0 && name !== "." && name !== "..") {
      if (name === "" || name.includes("/") || name.includes("\0"))
        throw damaged(`the directory of inode ${directory} has a name that none can have`);
      yield { name, number };
    }
    at += length;
  }
}
