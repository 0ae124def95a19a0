/**
 * Single blobs as files of a store's folder: `blobs/ab/cdef…`, named by the hex digits of their sha256.
 *
 * A blob is written to `tmp/` and renamed, so a killed process leaves nothing or a whole blob, and two processes
 * may put the same one at once. Nothing is synced: records are written after the blobs they name, and a blob that
 * a power cut tore is found by its digest when it is read. A damaged blob is moved to `damaged/`, so that the
 * next `put` writes it anew.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Digest } from "../../engine/artifact.ts";
import type { ListedBlob } from "../../engine/blobs.ts";
import { FastCalls } from "../../engine/fast-calls.ts";
import { readFully } from "../../engine/read-fully.ts";
import { storeFault, systemCode } from "../fault.ts";
import { namesIn } from "../names-in.ts";
import { temporaryName } from "../temporary.ts";
import { hexOf, isDigest } from "./digest.ts";
import { FRESH_MS } from "./fresh.ts";
import { blobCorrupt, blobMissing, matches } from "./verified.ts";

const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Node refuses more than 2 GiB in one call. */
const MAX_CALL_BYTES = 2 ** 30;

export interface LooseBlobs {
  has(digest: Digest): boolean;
  get(digest: Digest): Promise<Buffer>;
  /** What is there is new to garbage collection. False: it is not there, or just being removed. */
  freshen(digest: Digest): boolean;
  put(digest: Digest, data: Uint8Array): void;
  list(): Generator<ListedBlob>;
  /** If it was not put since `sinceMs`. */
  remove(digest: Digest, sinceMs: number): void;
}

/**
 * `path` is the store's folder; what is missing in it is made on the first `put`.
 *
 * Writing goes to the page cache by plain synchronous calls: for 64 KiB that takes half the time of the
 * same calls through the thread pool. Reading leaves the thread where it may have to wait for a disk.
 */
export function looseBlobs(path: string, { readOnly }: { readOnly: boolean }): LooseBlobs {
  const root = join(path, "blobs");
  const fileOf = (digest: Digest) => {
    const hex = hexOf(digest);
    return `${root}/${hex.slice(0, 2)}/${hex.slice(2)}`;
  };
  const reads = new FastCalls();
  const get = async (digest: Digest) => {
    const file = fileOf(digest);
    const data = await readWhole(file, digest, reads);
    if (matches(digest, data)) return data;
    if (!readOnly) setAside(file, join(path, "damaged"), digest);
    throw blobCorrupt(digest, data);
  };
  return {
    get,
    has: (digest) => ageOf(fileOf(digest), digest) !== undefined,
    freshen(digest) {
      const file = fileOf(digest);
      const age = ageOf(file, digest);
      return age !== undefined && (readOnly || age < FRESH_MS || renewTime(file));
    },
    put: (digest, data) => publish(join(path, "tmp", temporaryName()), fileOf(digest), data),
    list: () => listFolder(root),
    remove: (digest, sinceMs) => removeStale(fileOf(digest), join(path, "tmp", temporaryName()), sinceMs),
  };
}

/**
 * Milliseconds since it was last put; undefined: it is not there. An empty file under another name than the empty
 * string's is what a power cut leaves: not a blob.
 */
function ageOf(file: string, digest: Digest): number | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat || (stat.size === 0 && hexOf(digest) !== EMPTY_SHA256)) return undefined;
  return Date.now() - stat.mtimeMs;
}

/** False: it is just being removed, or is another user's. */
function renewTime(file: string): boolean {
  try {
    const now = new Date();
    utimesSync(file, now, now);
    return true;
  } catch (error) {
    if (["ENOENT", "EPERM", "EACCES"].includes(systemCode(error) ?? "")) return false;
    throw storeFault(error, `write ${file}`);
  }
}

/**
 * Taken out of its place before its time is looked at: from then on a `put` writes it anew, and one that came before
 * shows in the time, so that the blob goes back.
 */
function removeStale(file: string, aside: string, sinceMs: number): void {
  try {
    renameSync(file, aside);
    if (statSync(aside).mtimeMs >= sinceMs) renameSync(aside, file);
    else rmSync(aside, { force: true });
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw storeFault(error, `remove ${file}`);
  }
}

async function readWhole(file: string, digest: Digest, reads: FastCalls): Promise<Buffer> {
  const descriptor = openBlob(file, digest);
  try {
    const data = Buffer.allocUnsafeSlow(fstatSync(descriptor).size);
    const filled = reads.expectFast(data.length) ? readHere(descriptor, data, reads) : 0;
    return data.subarray(0, filled + (await readFully(descriptor, data.subarray(filled), filled)));
  } finally {
    closeSync(descriptor);
  }
}

/** How many bytes of `into` were filled. */
function readHere(descriptor: number, into: Buffer, reads: FastCalls): number {
  const began = performance.now();
  const filled = readSync(descriptor, into, 0, into.length, 0);
  reads.took(performance.now() - began, into.length);
  return filled;
}

function openBlob(file: string, digest: Digest): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw blobMissing(digest, error);
    throw storeFault(error, `read blob ${digest}`);
  }
}

/**
 * Kept, not removed: it is the only evidence of a failing disk. Where another process has put the blob anew since
 * it was read, the good one goes back to its place.
 */
function setAside(file: string, folder: string, digest: Digest): void {
  const aside = join(folder, hexOf(digest));
  try {
    mkdirSync(folder, { recursive: true });
    renameSync(file, aside);
    if (matches(digest, readFileSync(aside))) renameSync(aside, file);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return; // another process has moved it
    throw storeFault(error, `move the damaged blob ${digest} to ${folder}`);
  }
}

function publish(temporary: string, file: string, data: Uint8Array): void {
  try {
    writeNew(temporary, data);
    withFolder(file, () => renameSync(temporary, file));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw storeFault(error, `write ${file}`);
  }
}

function writeNew(temporary: string, data: Uint8Array): void {
  const descriptor = withFolder(temporary, () => openSync(temporary, "wx", 0o444));
  try {
    for (let written = 0; written < data.byteLength; ) {
      written += writeSync(descriptor, data, written, Math.min(data.byteLength - written, MAX_CALL_BYTES));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Folders are made when they turn out to be missing: asking first would cost every `put` a call. */
function withFolder<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    mkdirSync(dirname(file), { recursive: true });
    return act();
  }
}

function* listFolder(root: string): Generator<ListedBlob> {
  for (const prefix of namesIn(root)) {
    for (const rest of namesIn(join(root, prefix))) {
      const digest = `sha256:${prefix}${rest}`;
      const stat = statSync(join(root, prefix, rest), { throwIfNoEntry: false });
      if (stat?.isFile() && isDigest(digest)) yield { digest, bytes: stat.size, putMs: stat.mtimeMs };
    }
  }
}
