/**
 * Content inside an inode: its first 60 bytes in `i_block`, the rest as the extended attribute `system.data` behind the
 * fixed part (the kernel's Documentation/filesystems/ext4: inlinedata, attributes).
 */
import type { Inode } from "./inode.ts";
import { damaged } from "./volume.ts";

const MAGIC = 0xea020000;
/** Name index of `system.`. */
const SYSTEM = 7;
const ENTRY_BYTES = 16;

export function inlineData(inode: Inode): Buffer {
  const { block, sizeBytes, number } = inode;
  const all = sizeBytes > block.length ? Buffer.concat([block, systemData(inode)]) : block;
  if (all.length < sizeBytes) throw damaged(`the content of inode ${number} is cut short`);
  return all.subarray(0, sizeBytes);
}

/** Entries from offset 4 on; the offsets of values count from there too. */
function systemData({ tail, number }: Inode): Buffer {
  if (tail.length < 4 || tail.readUInt32LE(0) !== MAGIC) return Buffer.alloc(0);
  const area = tail.subarray(4);
  for (let at = 0; at + ENTRY_BYTES <= area.length && area.readUInt32LE(at) !== 0; ) {
    const nameLength = area[at]!;
    const name = area.toString("latin1", at + ENTRY_BYTES, at + ENTRY_BYTES + nameLength);
    if (area[at + 1] === SYSTEM && name === "data") {
      const [offset, size] = [area.readUInt16LE(at + 2), area.readUInt32LE(at + 8)];
      if (offset + size > area.length) throw damaged(`an attribute of inode ${number} makes no sense`);
      return area.subarray(offset, offset + size);
    }
    at += (ENTRY_BYTES + nameLength + 3) & ~3;
  }
  return Buffer.alloc(0);
}
