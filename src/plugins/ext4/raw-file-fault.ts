/** Why a host file cannot be taken in as a disk with an ext4 file system, by a look at its first bytes and its size. */
import { looksLike } from "./identify.ts";
import { fileSystemBytes, superblockIn } from "./superblock.ts";

const SECTOR_BYTES = 512;

export interface RawFileFault {
  code: string;
  message: string;
  hint?: string;
}

/** `name`: for messages. `head`: its first `HEAD_BYTES`. `sizeBytes` is asked for only where it matters. */
export async function rawFileFault(
  name: string,
  head: Buffer,
  sizeBytes: () => Promise<number>,
): Promise<RawFileFault | undefined> {
  if (head.length === 0) return { code: "empty-file", message: `${name} is empty` };
  const superblock = superblockIn(head);
  if (!superblock) return notExt4(name, head);
  const bytes = await sizeBytes();
  if (bytes < fileSystemBytes(superblock))
    return {
      code: "file-cut-short",
      message: `${name} has ${bytes} bytes, but its file system has ${fileSystemBytes(superblock)}`,
      hint: "it was not copied to its end: copy it again",
    };
  if (bytes % SECTOR_BYTES !== 0)
    return {
      code: "not-ext4",
      message: `${name} is no disk: its ${bytes} bytes are not whole sectors of ${SECTOR_BYTES}`,
    };
  return undefined;
}

function notExt4(name: string, head: Buffer): RawFileFault {
  const what = looksLike(head);
  return {
    code: "not-ext4",
    message: `${name} holds no ext4 file system${what ? `: it looks like ${what}` : ""}`,
    ...hintFor(what),
  };
}

function hintFor(what: string | undefined): { hint?: string } {
  if (what?.endsWith("image"))
    return { hint: "convert it to a raw file: qemu-img convert -O raw FILE FILE.raw" };
  if (what?.endsWith("compressed data")) return { hint: "decompress it first" };
  if (what?.endsWith("partition table"))
    return { hint: "take the one partition out that holds the root: a template's disk has no partitions" };
  return {};
}
