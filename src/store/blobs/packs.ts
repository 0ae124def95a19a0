/**
 * Chunks of images in the packs of a store: blobs of exactly `CHUNK_BYTES`, many to a file, each found by one look into
 * the index. Written as it is, so that reading any part of a chunk is one read at a known place.
 *
 * A damaged chunk is copied to `damaged/` and leaves the index, so that the next `put` writes it anew.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../engine/artifact.ts";
import { CHUNK_BYTES, type Chunk, type ChunkReader, type ListedBlob } from "../../engine/blobs.ts";
import { readOnlyStore, storeFault, systemCode } from "../fault.ts";
import { digestFromKey, hexOf } from "./digest.ts";
import { FRESH_MS } from "./fresh.ts";
import { type OpenPack, PackFiles } from "./pack-files.ts";
import { type IndexedPlace, indexPath, PackIndex, type Place } from "./pack-index.ts";
import { PackWriter } from "./pack-writer.ts";
import { type ChunkSource, type FoundChunk, PackedChunks } from "./packed-chunks.ts";
import { PendingChunks, type WrittenChunks } from "./pending-chunks.ts";
import { freeingReserve, makeReserve } from "./reserve.ts";
import { blobCorrupt, blobCutShort, blobMissing, matches } from "./verified.ts";

export class Packs implements ChunkSource {
  readonly files: PackFiles;
  readonly #folder: string;
  readonly #readOnly: boolean;
  #index: PackIndex | undefined;
  #pending: PendingChunks | undefined;
  #renewal: { digests: Buffer[]; gone: Promise<Set<Uint8Array>> } | undefined;

  /** `folder`: the store's. Nothing is opened or made before it is needed. */
  constructor(folder: string, options: { readOnly: boolean; now: () => number }) {
    this.#folder = folder;
    this.#readOnly = options.readOnly;
    this.files = new PackFiles(folder, options);
  }

  /** Whether looking into the index costs no opening of it. */
  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  has(digest: Digest): boolean {
    return this.#find(keyOf(digest)) !== undefined;
  }

  /** Undefined: it is in no pack. Throws TplError `blob-corrupt`. */
  async get(digest: Digest): Promise<Buffer | undefined> {
    return (await this.#read(digest))?.data;
  }

  /** As `BlobStore.chunks`. */
  chunks(digests: Buffer): ChunkReader {
    return new PackedChunks(this, digests);
  }

  locate(digest: Buffer): FoundChunk | undefined {
    const place = this.#find(digest);
    const file = place && this.#use(place.pack);
    return file && { file, slot: place.slot };
  }

  async readWhole(digest: Digest, into: Buffer): Promise<FoundChunk> {
    const found = await this.#read(digest, into);
    if (!found) throw blobMissing(digest);
    return found;
  }

  /** False: there is no such chunk, or it is just being removed. */
  async freshen(digest: Digest): Promise<boolean> {
    const key = keyOf(digest);
    const place = this.#find(key);
    if (!place) return false;
    if (this.#readOnly || !isOld(place)) return true;
    this.#renewal ??= this.#newRenewal();
    const { digests, gone } = this.#renewal;
    digests.push(key);
    return !(await gone).has(key);
  }

  /** Which of `chunks` are not there; those that are are new to garbage collection. */
  absentOf(chunks: readonly Chunk[]): Chunk[] {
    const index = this.#opened();
    if (!index) return [...chunks];
    const found = index.findAll(chunks.map(({ digest }) => digest));
    const old = chunks.filter((_, i) => found[i] && isOld(found[i])).map(({ digest }) => digest);
    const gone = old.length > 0 && !this.#readOnly ? index.renew(old, Date.now()) : undefined;
    return chunks.filter(({ digest }, i) => !found[i] || gone?.has(digest));
  }

  /** Stores a chunk that is not there. Many calls at once share a transaction. Returns how many bytes this call added. */
  async append(digest: Digest, data: Uint8Array): Promise<number> {
    const { addedBytes, entered } = this.write([{ digest: keyOf(digest), data }]);
    this.#pending!.enterSoon();
    await Promise.all(entered);
    return addedBytes;
  }

  /** Stores chunks that are not there. */
  write(chunks: readonly Chunk[]): WrittenChunks {
    this.#pending ??= new PendingChunks(this.#newWriter());
    return this.#pending.write(chunks);
  }

  /** Enters in the index what is written. */
  enter(): void {
    this.#pending?.enter();
  }

  *list(): Generator<ListedBlob> {
    const index = this.#opened();
    if (!index) return;
    for (const { digest, putMs } of index.chunks())
      yield { digest: digestFromKey(digest), bytes: CHUNK_BYTES, putMs };
  }

  /** Takes it out of the index if it was not put since `sinceMs`; `reclaimPacks` gives the space back. */
  remove(digest: Digest, sinceMs: number): void {
    const index = this.#opened();
    if (index) freeingReserve(this.#folder, () => index.removeStale(keyOf(digest), sinceMs));
  }

  async reclaim(): Promise<void> {
    const index = this.#opened();
    if (this.#readOnly) throw readOnlyStore(this.#folder);
    if (!index) return;
    const { reclaimPacks } = await import("./reclaim-packs.ts");
    await reclaimPacks(this.#folder, index);
    makeReserve(this.#folder);
  }

  close(): void {
    this.#pending?.close();
    this.files.close();
    this.#index?.close();
    this.#index = undefined;
    this.#pending = undefined;
  }

  #newWriter(): PackWriter {
    const index = this.#openedToWrite();
    return new PackWriter(this.#folder, index, {
      enter: (chunks) => index.add(chunks, Date.now()),
      digests: "computed",
    });
  }

  #newRenewal() {
    const digests: Buffer[] = [];
    const gone = new Promise<Set<Uint8Array>>((resolve, reject) => {
      setImmediate(() => {
        this.#renewal = undefined;
        try {
          resolve(this.#openedToWrite().renew(digests, Date.now()));
        } catch (error) {
          reject(error);
        }
      });
    });
    return { digests, gone };
  }

  /** Into memory of the caller's where it has some. */
  async #read(digest: Digest, into?: Buffer): Promise<(FoundChunk & { data: Buffer }) | undefined> {
    const key = keyOf(digest);
    const place = this.#find(key);
    if (!place) return undefined;
    const file = this.#use(place.pack);
    const data = into ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const filled = file && (await this.#readSlot(file, place, data));
    if (filled === CHUNK_BYTES && matches(digest, data)) {
      noteWhole(file!, place.slot, key);
      return { data, file: file!, slot: place.slot };
    }
    // Somebody else may have written to the caller's memory: no reason to disown a chunk.
    if (into) return await this.#readAndCopy(digest, into);

    this.#reopenIfOutdated();
    const now = this.#find(key);
    if (now && (now.pack !== place.pack || now.slot !== place.slot)) return await this.#read(digest);
    if (!now) return undefined;
    const left = data.subarray(0, filled ?? 0);
    if (!this.#readOnly) this.#disown({ digest: key, ...place }, left);
    if (filled === undefined) throw blobMissing(digest);
    throw filled < CHUNK_BYTES ? blobCutShort(digest, filled) : blobCorrupt(digest, data);
  }

  async #readAndCopy(digest: Digest, into: Buffer): Promise<(FoundChunk & { data: Buffer }) | undefined> {
    const found = await this.#read(digest);
    found?.data.copy(into);
    return found;
  }

  /** Undefined: there is no such pack. */
  #use(pack: number): OpenPack | undefined {
    try {
      return this.files.use(pack);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw this.#readFault(error, pack);
    }
  }

  /** How many bytes were there. */
  async #readSlot(file: OpenPack, { pack, slot }: Place, into: Buffer): Promise<number> {
    try {
      return await this.files.read(file, into, slot * CHUNK_BYTES);
    } catch (error) {
      throw this.#readFault(error, pack);
    }
  }

  #readFault(error: unknown, pack: number): unknown {
    return storeFault(error, `read the pack ${pack} of ${this.#folder}`);
  }

  /** What is left of it is kept: it is the only evidence of a failing disk. */
  #disown(chunk: Place & { digest: Buffer }, left: Buffer): void {
    const folder = join(this.#folder, "damaged");
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, chunk.digest.toString("hex")), left);
    } catch (error) {
      // A full disk must not keep it from being disowned.
      if (systemCode(error) !== "ENOSPC") throw storeFault(error, `write to ${folder}`);
    }
    this.#openedToWrite().forget(chunk);
  }

  #find(key: Buffer) {
    return this.#opened()?.find(key) ?? (this.#reopenIfOutdated() ? this.#opened()?.find(key) : undefined);
  }

  #reopenIfOutdated(): boolean {
    if (!this.#index?.isOutdated) return false;
    this.#index.close();
    this.#index = undefined;
    return true;
  }

  /** Undefined: nothing was ever packed. */
  #opened(): PackIndex | undefined {
    if (!this.#index && existsSync(indexPath(this.#folder)))
      this.#index = PackIndex.open(this.#folder, this.#readOnly ? "read" : "write");
    return this.#index;
  }

  #openedToWrite(): PackIndex {
    if (this.#readOnly) throw readOnlyStore(this.#folder);
    if (!this.#index) {
      makeFolder(join(this.#folder, "packs"));
      makeFolder(join(this.#folder, "tmp"));
      this.#index = PackIndex.open(this.#folder, "write")!;
      makeReserve(this.#folder);
    }
    return this.#index;
  }
}

function noteWhole(file: OpenPack, slot: number, digest: Buffer): void {
  if (file.whole.holds(slot, digest, 0)) return;
  file.whole.set(slot, digest);
  file.knowsMore = true;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw storeFault(error, `make ${path}`);
  }
}

function keyOf(digest: Digest): Buffer {
  return Buffer.from(hexOf(digest), "hex");
}

function isOld({ putMs }: IndexedPlace): boolean {
  return Date.now() - putMs >= FRESH_MS;
}
