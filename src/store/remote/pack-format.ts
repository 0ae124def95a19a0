/**
 * The bytes of packs and their indexes, version 1, all numbers big-endian. A pack:
 *
 *     0   8  magic "tplgpack"
 *     8   4  version, 1
 *    12   4  zero
 *    16      blobs, one after the other, each as it is or compressed by itself
 *
 * Its index, by which each blob can be read alone:
 *
 *     0   8  magic "tplgpidx"
 *     8   4  version, 1
 *    12   4  number of entries, n
 *    16   8  length of the pack in bytes
 *    24 48n  entries, ascending by digest, none twice:
 *              0 32  the blob's sha256
 *             32  4  where it begins in the pack
 *             36  4  how many bytes it takes there
 *             40  4  how many bytes it has
 *             44  4  0: as it is; 1: one zstd frame (RFC 8878)
 *     …  32  sha256 of all before
 */
import { hash } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync, zstdDecompress } from "node:zlib";
import type { Digest } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import { hexOf } from "../blobs/digest.ts";

const VERSION = 1;
const PACK_MAGIC = Buffer.from("tplgpack", "latin1");
const INDEX_MAGIC = Buffer.from("tplgpidx", "latin1");
const INDEX_HEADER_BYTES = 24;
const HASH_BYTES = 32;
export const PACK_HEADER_BYTES = 16;
export const ENTRY_BYTES = 48;

/** Where a blob lies in its pack. */
export interface PackEntry {
  digest: Digest;
  offset: number;
  storedBytes: number;
  bytes: number;
  encoding: Encoding;
}

type Encoding = "raw" | "zstd";

/** A blob as it stands in a pack. */
export interface PackedBlob {
  stored: Uint8Array;
  bytes: number;
  encoding: Encoding;
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
/** Below this gain a reader's time is worth more than the bytes. */
const WORTHWHILE = 0.95;
const LEVEL = 3;

/** As it is, in the memory that it was given in, or compressed. */
export async function packBlob(data: Uint8Array): Promise<PackedBlob> {
  const raw: PackedBlob = { stored: data, bytes: data.length, encoding: "raw" };
  if (!seemsCompressible(data)) return raw;
  const compressed = await compress(data, zstdOptions(LEVEL, data.length));
  return compressed.length < data.length * WORTHWHILE
    ? { stored: compressed, bytes: data.length, encoding: "zstd" }
    : raw;
}

const SAMPLES = 3;
const SAMPLE_BYTES = 2048;
/** A sample compresses worse than the whole. */
const SAMPLE_WORTHWHILE = 0.97;

/**
 * By some pieces of it, where it is many times as long: to try the whole of what is compressed already costs ten times
 * as much.
 */
function seemsCompressible(data: Uint8Array): boolean {
  const sampledBytes = SAMPLES * SAMPLE_BYTES;
  if (data.length < 4 * sampledBytes) return true;
  const step = (data.length - SAMPLE_BYTES) / (SAMPLES - 1);
  const sample = Buffer.alloc(sampledBytes);
  for (let i = 0; i < SAMPLES; i++) {
    const start = Math.floor(i * step);
    sample.set(data.subarray(start, start + SAMPLE_BYTES), i * SAMPLE_BYTES);
  }
  return zstdCompressSync(sample, zstdOptions(1, sampledBytes)).length < sampledBytes * SAMPLE_WORTHWHILE;
}

/** The length, told beforehand, halves the time of a chunk: zstd makes its tables, and Node its buffer, to fit. */
function zstdOptions(level: number, bytes: number) {
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  return { params, pledgedSrcSize: bytes, chunkSize: compressBound(bytes) };
}

/** The most that a frame takes: zstd.h, ZSTD_COMPRESSBOUND, rounded up. */
function compressBound(bytes: number): number {
  return bytes + (bytes >>> 8) + 128;
}

/** The blob's bytes, whose digest is still to be compared. Undefined: these are not what was stored. */
export async function unpackBlob(
  stored: Buffer,
  { bytes, encoding }: PackEntry,
): Promise<Buffer | undefined> {
  if (encoding === "raw") return stored.length === bytes ? stored : undefined;
  try {
    const data = await decompress(stored, { maxOutputLength: Math.max(bytes, 1) });
    return data.length === bytes ? data : undefined;
  } catch {
    return undefined; // not zstd, or more than it should be
  }
}

export function packHeader(): Buffer {
  const header = Buffer.alloc(PACK_HEADER_BYTES);
  PACK_MAGIC.copy(header);
  header.writeUInt32BE(VERSION, 8);
  return header;
}

/** `entries` in any order. */
export function encodeIndex(entries: readonly PackEntry[], packBytes: number): Buffer {
  const sorted = [...entries].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const index = Buffer.alloc(INDEX_HEADER_BYTES + sorted.length * ENTRY_BYTES + HASH_BYTES);
  INDEX_MAGIC.copy(index);
  index.writeUInt32BE(VERSION, 8);
  index.writeUInt32BE(sorted.length, 12);
  index.writeBigUInt64BE(BigInt(packBytes), 16);
  for (const [i, { digest, offset, storedBytes, bytes, encoding }] of sorted.entries()) {
    const at = INDEX_HEADER_BYTES + i * ENTRY_BYTES;
    index.write(hexOf(digest), at, "hex");
    index.writeUInt32BE(offset, at + 32);
    index.writeUInt32BE(storedBytes, at + 36);
    index.writeUInt32BE(bytes, at + 40);
    index.writeUInt32BE(encoding === "zstd" ? 1 : 0, at + 44);
  }
  const end = index.length - HASH_BYTES;
  hash("sha256", index.subarray(0, end), "buffer").copy(index, end);
  return index;
}

export interface PackIndex {
  packBytes: number;
  /** The entries as they stand in the index, `ENTRY_BYTES` each. */
  entries: Buffer;
}

/** Reads what `encodeIndex` wrote; `name` is the object's, for messages. Throws TplError `blob-corrupt` for anything else. */
export function decodeIndex(index: Buffer, name: string): PackIndex {
  const refuse = (why: string) => badIndex(name, why);
  if (index.length < INDEX_HEADER_BYTES + HASH_BYTES) throw refuse("it is shorter than an empty one");
  if (!index.subarray(0, INDEX_MAGIC.length).equals(INDEX_MAGIC)) throw refuse("it does not begin as one");
  const version = index.readUInt32BE(8);
  if (version !== VERSION) throw refuse(`its version is ${version}, this program reads ${VERSION}`);
  const end = index.length - HASH_BYTES;
  const count = index.readUInt32BE(12);
  if (INDEX_HEADER_BYTES + count * ENTRY_BYTES !== end) throw refuse("its length does not fit its entries");
  if (!hash("sha256", index.subarray(0, end), "buffer").equals(index.subarray(end)))
    throw refuse("its bytes are not those that were written");
  const packBytes = Number(index.readBigUInt64BE(16));
  const entries = index.subarray(INDEX_HEADER_BYTES, end);
  checkEntries(entries, packBytes, refuse);
  return { packBytes, entries };
}

function checkEntries(entries: Buffer, packBytes: number, refuse: (why: string) => TplError): void {
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const offset = entries.readUInt32BE(at + 32);
    const storedBytes = entries.readUInt32BE(at + 36);
    if (offset < PACK_HEADER_BYTES || offset + storedBytes > packBytes)
      throw refuse("it points outside of its pack");
    if (entries.readUInt32BE(at + 44) > 1) throw refuse("it names an encoding that is not known");
    const isAscending = at === 0 || entries.compare(entries, at - ENTRY_BYTES, at - 16, at, at + 32) > 0;
    if (!isAscending) throw refuse("its entries are not in order");
  }
}

/** The entry that begins at byte `at`. */
export function entryAt(entries: Buffer, at: number): PackEntry {
  return {
    digest: `sha256:${entries.toString("hex", at, at + 32)}`,
    offset: entries.readUInt32BE(at + 32),
    storedBytes: entries.readUInt32BE(at + 36),
    bytes: entries.readUInt32BE(at + 40),
    encoding: entries.readUInt32BE(at + 44) === 1 ? "zstd" : "raw",
  };
}

function badIndex(name: string, why: string): TplError {
  return new TplError({
    code: "blob-corrupt",
    message: `${name} is no index of a pack: ${why}`,
    hint: "push again what it was made from: tplgraph store push",
  });
}
