/**
 * Chunks of an image read from the packs of a store, by their places in the image's list of digests. Where each of them
 * lies is kept, so that chunks side by side in a pack are one read, and reading again asks no index. A chunk is verified
 * when its first bytes are wanted.
 */
import type { Digest } from "../../engine/artifact.ts";
import { CHUNK_BYTES, type ChunkReader } from "../../engine/blobs.ts";
import type { OpenPack, PackFiles } from "./pack-files.ts";
import { DIGEST_BYTES } from "./slot-digests.ts";

/** Where a chunk was found. */
export interface FoundChunk {
  file: OpenPack;
  slot: number;
}

export interface ChunkSource {
  readonly files: PackFiles;
  /** Undefined: it is in no pack. */
  locate(digest: Buffer): FoundChunk | undefined;
  /** Fills `into` with the whole chunk, verified. Throws TplError `blob-missing` or `blob-corrupt`. */
  readWhole(digest: Digest, into: Buffer): Promise<FoundChunk>;
}

const PLACES_A_PAGE = 2048;
/** Chunks that are wanted in part and verified at a time have memory that is used again, so many of them. */
const MAX_IDLE_BUFFERS = 16;

/** Where verified chunks lie; made for the parts of the list that are read. */
interface Page {
  /** `OpenPack.opening`; 0: not known. */
  openings: Uint32Array;
  slots: Uint32Array;
}

export class PackedChunks implements ChunkReader {
  readonly #source: ChunkSource;
  readonly #digests: Buffer;
  readonly #pages: (Page | undefined)[] = [];
  /** By place: those whose parts are wanted, being verified. */
  readonly #verifying = new Map<number, Promise<void>>();
  readonly #idleBuffers: Buffer[] = [];

  constructor(source: ChunkSource, digests: Buffer) {
    this.#source = source;
    this.#digests = digests;
  }

  read(place: number, offset: number, into: Buffer): Promise<void> | undefined {
    const done = this.#readOnHere(place, offset, into, 0);
    return done === into.length ? undefined : this.#readOn(place, offset, into, done);
  }

  /** As `read`, from `done` of `into` on; how many bytes are filled when something has to be waited for. */
  #readOnHere(place: number, offset: number, into: Buffer, done: number): number {
    while (done < into.length) {
      const at = offset + done;
      const filled = this.#readHere(place + Math.floor(at / CHUNK_BYTES), at % CHUNK_BYTES, into, done);
      if (filled === 0) break;
      done += filled;
    }
    return done;
  }

  async #readOn(place: number, offset: number, into: Buffer, done: number): Promise<void> {
    while (done < into.length) {
      const chunk = place + Math.floor((offset + done) / CHUNK_BYTES);
      const from = (offset + done) % CHUNK_BYTES;
      done +=
        (await this.#readInPool(chunk, from, into, done)) || (await this.#verify(chunk, from, into, done));
      done = this.#readOnHere(place, offset, into, done);
    }
  }

  /** Fills `into` from `at` on with what lies side by side from byte `from` of a chunk on; how many bytes. 0: it must be waited for. */
  #readHere(chunk: number, from: number, into: Buffer, at: number): number {
    const file = this.#fileOf(chunk) ?? this.#find(chunk);
    if (!file) return 0;
    const length = this.#lengthTogether(chunk, from, into.length - at);
    return this.#source.files.readHere(file, into, at, length, this.#positionOf(chunk) + from);
  }

  async #readInPool(chunk: number, from: number, into: Buffer, at: number): Promise<number> {
    const file = this.#fileOf(chunk);
    if (!file) return 0;
    const length = this.#lengthTogether(chunk, from, into.length - at);
    const target = into.subarray(at, at + length);
    const filled = await this.#source.files.readInPool(file, target, this.#positionOf(chunk) + from);
    // The pack was cut short: looked at from the start.
    if (filled === 0) this.#forget(chunk);
    return filled;
  }

  /** Verifies a chunk; how many bytes of `into` are filled then. After 0 it can be read. */
  async #verify(chunk: number, from: number, into: Buffer, at: number): Promise<number> {
    if (from === 0 && into.length - at >= CHUNK_BYTES) {
      await this.#readWhole(chunk, into.subarray(at, at + CHUNK_BYTES));
      return CHUNK_BYTES;
    }
    let verifying = this.#verifying.get(chunk);
    if (!verifying) {
      const data = this.#idleBuffers.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
      verifying = this.#readWhole(chunk, data).finally(() => {
        this.#verifying.delete(chunk);
        if (this.#idleBuffers.length < MAX_IDLE_BUFFERS) this.#idleBuffers.push(data);
      });
      this.#verifying.set(chunk, verifying);
    }
    await verifying;
    return 0;
  }

  async #readWhole(chunk: number, into: Buffer): Promise<void> {
    const digest = this.#digestAt(chunk);
    this.#note(chunk, await this.#source.readWhole(`sha256:${digest.toString("hex")}`, into));
  }

  /** Looks into the index for a chunk; where it is verified, so may be those beside it. */
  #find(chunk: number): OpenPack | undefined {
    const found = this.#source.locate(this.#digestAt(chunk));
    if (!found?.file.whole.holds(found.slot, this.#digests, chunk)) return undefined;
    const { file, slot } = found;
    const holds = (by: number) => file.whole.holds(slot + by, this.#digests, chunk + by);
    for (let by = 0; holds(by); by++) this.#note(chunk + by, { file, slot: slot + by });
    for (let by = -1; holds(by); by--) this.#note(chunk + by, { file, slot: slot + by });
    return file;
  }

  #note(chunk: number, { file, slot }: FoundChunk): void {
    const number = Math.floor(chunk / PLACES_A_PAGE);
    const page = this.#pages[number] ?? newPage();
    this.#pages[number] = page;
    page.openings[chunk % PLACES_A_PAGE] = file.opening;
    page.slots[chunk % PLACES_A_PAGE] = slot;
  }

  #forget(chunk: number): void {
    this.#pages[Math.floor(chunk / PLACES_A_PAGE)]!.openings[chunk % PLACES_A_PAGE] = 0;
  }

  /** Undefined: it is not known where the chunk lies. */
  #fileOf(chunk: number): OpenPack | undefined {
    const opening = this.#pages[Math.floor(chunk / PLACES_A_PAGE)]?.openings[chunk % PLACES_A_PAGE];
    return opening ? this.#source.files.stillOpen(opening) : undefined;
  }

  /** In its pack, of a chunk that is known. */
  #positionOf(chunk: number): number {
    return this.#pages[Math.floor(chunk / PLACES_A_PAGE)]!.slots[chunk % PLACES_A_PAGE]! * CHUNK_BYTES;
  }

  /** How many bytes of `length` lie together from byte `from` of a chunk that is known on. */
  #lengthTogether(chunk: number, from: number, length: number): number {
    const { openings, slots } = this.#pages[Math.floor(chunk / PLACES_A_PAGE)]!;
    const first = chunk % PLACES_A_PAGE;
    const most = Math.min(Math.ceil((from + length) / CHUNK_BYTES), PLACES_A_PAGE - first);
    let count = 1;
    while (
      count < most &&
      openings[first + count] === openings[first] &&
      slots[first + count] === slots[first]! + count
    )
      count++;
    return Math.min(length, count * CHUNK_BYTES - from);
  }

  #digestAt(chunk: number): Buffer {
    return this.#digests.subarray(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }
}

function newPage(): Page {
  return { openings: new Uint32Array(PLACES_A_PAGE), slots: new Uint32Array(PLACES_A_PAGE) };
}
