/**
 * The command line of mke2fs, in one place: every image that is made here is made alike, and the same options
 * give the same bytes. Everything that /etc/mke2fs.conf could decide is given.
 */
import { createHash } from "node:crypto";
import { DEFAULT_FEATURES } from "./features.ts";
import { grownLayout } from "./grown-layout.ts";
import { formatUuid } from "./superblock.ts";

export const BLOCK_SIZE_BYTES = 4096;

export interface FileSystemOptions {
  sizeMiB: number;
  label?: string | undefined;
  uuid?: string | undefined;
  /** A UUID: what the hashes of a directory index are salted with. */
  hashSeed?: string | undefined;
  /** The whole list, by e2fsprogs' names. Default `DEFAULT_FEATURES`. */
  features?: readonly string[] | undefined;
  bytesPerInode?: number | undefined;
  /** Default: by size, as mke2fs chooses. */
  journalMiB?: number | undefined;
  /** What it will be grown to: journal, inodes and room for descriptors are as of a file system of that size. */
  growsToMiB?: number | undefined;
}

export const DEFAULT_BYTES_PER_INODE = 4096;

/** Arguments up to and without the file, which must read as zeros: tables and journal are not written once more. */
export function mke2fsArguments(options: FileSystemOptions): string[] {
  const uuid = options.uuid ?? uuidFor("uuid", options);
  const hashSeed = options.hashSeed ?? uuidFor("hash-seed", options);
  const bytesPerInode = options.bytesPerInode ?? DEFAULT_BYTES_PER_INODE;
  const { sizeMiB, growsToMiB } = options;
  const grown = growsToMiB === undefined ? undefined : grownLayout({ sizeMiB, growsToMiB, bytesPerInode });
  const journalMiB = options.journalMiB ?? grown?.journalMiB;
  const extended = `hash_seed=${hashSeed},root_owner=0:0,nodiscard,assume_storage_prezeroed=1`;
  return [
    "-q",
    "-F",
    ...["-t", "ext4"],
    ...["-b", `${BLOCK_SIZE_BYTES}`],
    ...["-I", "256"],
    ...(grown ? ["-N", `${grown.inodes}`] : ["-i", `${bytesPerInode}`]),
    // No block is reserved for root: who runs the machine decides that (tune2fs -r), not who makes the image.
    ...["-m", "0"],
    ...["-O", ["none", ...(options.features ?? DEFAULT_FEATURES)].join(",")],
    ...["-U", uuid],
    ...["-E", grown ? `${extended},resize=${grown.resizeBlocks}` : extended],
    ...(options.label === undefined ? [] : ["-L", options.label]),
    ...(journalMiB === undefined ? [] : ["-J", `size=${journalMiB}`]),
  ];
}

/** A UUID (version 8, RFC 9562 section 5.8) that follows from what it is for. */
function uuidFor(purpose: string, options: FileSystemOptions): string {
  const { sizeMiB, label, features, bytesPerInode, journalMiB, growsToMiB } = options;
  const what = JSON.stringify([purpose, sizeMiB, label, features, bytesPerInode, journalMiB, growsToMiB]);
  const bytes = createHash("sha256").update(what).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}
