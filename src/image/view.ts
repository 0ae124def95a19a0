/**
 * A copy-on-write view: an image as a block device that can be written. Reads come from the store chunk by
 * chunk, on demand; writes go to a private overlay, by blocks of 4 KiB, so that writing to an unread chunk
 * reads nothing. `seal` makes an image of what the view shows and costs what was changed. The image itself
 * never changes. The view owns its overlay file: `close` removes it.
 */
import type { Digest, ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";
import type { BlockDevice, Extent } from "./device.ts";
import { deviceError } from "./device-error.ts";
import { BLOCK_BYTES, DirtyMap } from "./dirty-map.ts";
import { ImageReader } from "./image-reader.ts";
import { anyPresent, CHUNK_BYTES, type ChunkMap, endOfAlike, withChanges } from "./map.ts";
import { Overlay } from "./overlay.ts";
import { RangeLock } from "./range-lock.ts";
import { type Sealable, type SealOptions, seal } from "./seal.ts";
import { allSettled } from "./settled.ts";
import { asDamagedImage, mapDigest } from "./stored-map.ts";

export interface OpenViewOptions {
  blobs: BlobStore;
  map: ChunkMap;
  /** Default: the image's size. More: zeros behind it. Less: what lies past the end is gone. */
  sizeBytes?: number;
  /** Where the overlay file is made; nothing may be there. Not used by a read-only view. */
  overlayPath: string;
  readOnly?: boolean;
}

export interface CowView extends BlockDevice {
  readInto(offset: number, into: Buffer): Promise<void> | undefined;
  /** A clean extent is a hole where the image has no chunks; a dirty one, where it was zeroed or trimmed. */
  extents(offset: number, length: number): Iterable<Extent>;
  zeroesFast(offset: number, length: number): boolean;
  /**
   * Stores what the view shows, cut or grown to `sizeBytes`, and returns the image. Writes wait until it is
   * done; the view goes on as before. Nothing is stored twice. Throws ArtifactDamaged where a chunk that has to
   * be read is damaged. Aborting `signal` rejects with its reason; what was stored until then stays, for garbage
   * collection.
   */
  seal(options?: SealOptions): Promise<ImageArtifact>;
  stats(): ViewStats;
  /**
   * Why calls were rejected, if the cause was not in the call: the first damaged chunk (`ArtifactDamaged`),
   * failed store read or overlay that could not be written.
   */
  fault(): Error | undefined;
  /** Waits for the overlay's reads and writes in flight, then removes it. Later calls reject. Idempotent. */
  close(): Promise<void>;
}

export interface ViewStats {
  /** Read from the store. */
  readBytes: number;
  /** Written to the overlay. */
  writtenBytes: number;
  /** In the overlay now. */
  dirtyBytes: number;
}

export async function openView(options: OpenViewOptions): Promise<CowView> {
  const { blobs, map, overlayPath } = options;
  const sizeBytes = options.sizeBytes ?? map.sizeBytes;
  const shown = sizeBytes < map.sizeBytes ? withChanges(map, new Map(), sizeBytes) : map;
  const overlay = options.readOnly ? undefined : await Overlay.create(overlayPath, sizeBytes);
  return new View({ blobs, image: map, shown, sizeBytes, overlay });
}

interface ViewParts {
  blobs: BlobStore;
  /** As it was opened. */
  image: ChunkMap;
  /** The image without what lies past the view's end. */
  shown: ChunkMap;
  sizeBytes: number;
  /** Absent: read-only. */
  overlay: Overlay | undefined;
}

class View implements CowView {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly #blobs: BlobStore;
  readonly #image: ChunkMap;
  readonly #shown: ChunkMap;
  readonly #overlay: Overlay | undefined;
  readonly #reader: ImageReader;
  readonly #dirty: DirtyMap;
  /** In blocks. Orders overlapping changes, so that completing a block never brings back what another one replaced. */
  readonly #changes = new RangeLock();
  /** Known once it was needed: it costs hashing the map. */
  #imageDigest: Digest | undefined;
  #fault: Error | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: ViewParts) {
    this.sizeBytes = parts.sizeBytes;
    this.readOnly = parts.overlay === undefined;
    this.#blobs = parts.blobs;
    this.#image = parts.image;
    this.#shown = parts.shown;
    this.#overlay = parts.overlay;
    this.#reader = new ImageReader(parts.blobs, parts.shown);
    this.#dirty = new DirtyMap((first, end) => anyPresent(parts.shown, first, end));
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const into = Buffer.allocUnsafe(length);
    await this.readInto(offset, into);
    return into;
  }

  readInto(offset: number, into: Buffer): Promise<void> | undefined {
    this.#checkOpen();
    const waits: Promise<void>[] = [];
    try {
      this.#fill(into, offset, waits);
    } catch (error) {
      waits.push(Promise.reject(error));
    }
    return waits.length === 0 ? undefined : allSettled(waits);
  }

  async write(offset: number, data: Buffer): Promise<void> {
    this.#checkWritable();
    if (data.length === 0) return;
    await this.#change(offset, offset + data.length, () => this.#overwrite(offset, data));
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    this.#checkWritable();
    if (length === 0) return;
    await this.#change(offset, offset + length, () => this.#zero(offset, offset + length));
  }

  async trim(offset: number, length: number): Promise<void> {
    await this.writeZeroes(offset, length);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    try {
      await this.#overlay?.flush();
    } catch (error) {
      throw this.#overlayFault(error);
    }
  }

  *extents(offset: number, length: number): Generator<Extent> {
    this.#checkOpen();
    const end = offset + length;
    const endBlock = Math.ceil(end / BLOCK_BYTES);
    for (let at = offset; at < end; ) {
      const block = Math.floor(at / BLOCK_BYTES);
      const state = this.#dirty.stateOf(block);
      const chunk = Math.floor(at / CHUNK_BYTES);
      const isHole = state === "zeroed" || (state === "clean" && !anyPresent(this.#shown, chunk, chunk + 1));
      // What is zeroed here is zeroed whatever the image has; what is clean is the image's, run by run.
      const alikeEnd = state === "clean" ? endOfAlike(this.#shown, chunk) * CHUNK_BYTES : end;
      const searchEnd = Math.min(endBlock, Math.ceil(alikeEnd / BLOCK_BYTES));
      const stop = Math.min(this.#dirty.endOfRun(block, searchEnd) * BLOCK_BYTES, end);
      yield { lengthBytes: stop - at, kind: isHole ? "hole" : "data", dirty: state !== "clean" };
      at = stop;
    }
  }

  /** Whole blocks are marked alone; the rest of a block at either end may have to be read and written. */
  zeroesFast(offset: number, length: number): boolean {
    return this.#isWholeBlocks(offset, length);
  }

  async seal(options: SealOptions = {}): Promise<ImageArtifact> {
    this.#checkOpen();
    const sealable: Sealable = {
      blobs: this.#blobs,
      shown: this.#shown,
      sizeBytes: this.sizeBytes,
      dirtyChunks: () => this.#dirty.dirtyChunks(),
      readInto: (offset, into) => this.readInto(offset, into),
    };
    try {
      return await this.#change(0, Number.POSITIVE_INFINITY, () => seal(sealable, options));
    } catch (error) {
      throw error instanceof Error && error.cause instanceof ArtifactDamaged ? error.cause : error;
    }
  }

  stats(): ViewStats {
    return {
      readBytes: this.#reader.readBytes,
      writtenBytes: this.#overlay?.writtenBytes ?? 0,
      dirtyBytes: this.#dirty.writtenBlocks() * BLOCK_BYTES,
    };
  }

  fault(): Error | undefined {
    return this.#fault;
  }

  close(): Promise<void> {
    this.#closed ??= this.#overlay?.close() ?? Promise.resolve();
    return this.#closed;
  }

  /** Fills `into` with what is shown from `offset` on; what cannot be had at once is added to `waits`. */
  #fill(into: Buffer, offset: number, waits: Promise<void>[]): void {
    const end = offset + into.length;
    const endBlock = Math.ceil(end / BLOCK_BYTES);
    for (let at = offset; at < end; ) {
      const block = Math.floor(at / BLOCK_BYTES);
      const stop = Math.min(this.#dirty.endOfRun(block, endBlock) * BLOCK_BYTES, end);
      const target = into.subarray(at - offset, stop - offset);
      const state = this.#dirty.stateOf(block);
      if (state === "written") waits.push(this.#overlay!.read(target, at));
      else if (state === "zeroed") target.fill(0);
      else this.#readImage(target, at, waits);
      at = stop;
    }
  }

  /** Fills `target` with what the image has from `offset` on; what needs the store is added to `waits`. */
  #readImage(target: Buffer, offset: number, waits: Promise<void>[]): void {
    // A cut image's last chunk still holds what lay past the cut.
    const shownBytes = Math.max(0, Math.min(target.length, this.#shown.sizeBytes - offset));
    if (shownBytes < target.length) target.fill(0, shownBytes);
    if (shownBytes === 0) return;
    const wait = this.#reader.fill(
      shownBytes < target.length ? target.subarray(0, shownBytes) : target,
      offset,
    );
    if (wait) waits.push(wait.catch((error) => this.#failRead(error)));
  }

  /** Orders a change of `[offset, end)`, in bytes, after the earlier ones that overlap it. */
  #change<T>(offset: number, end: number, operation: () => Promise<T> | T): Promise<T> | T {
    return this.#changes.run(Math.floor(offset / BLOCK_BYTES), Math.ceil(end / BLOCK_BYTES), operation);
  }

  /** Undefined: it is done. */
  #overwrite(offset: number, data: Buffer): Promise<void> | undefined {
    return this.#isWholeBlocks(offset, data.length)
      ? this.#keep([data], offset)
      : this.#overwriteParts(offset, offset + data.length, data);
  }

  #isWholeBlocks(offset: number, length: number): boolean {
    const end = offset + length;
    return offset % BLOCK_BYTES === 0 && (end % BLOCK_BYTES === 0 || end === this.sizeBytes);
  }

  async #overwriteParts(offset: number, end: number, data: Buffer): Promise<void> {
    const [head, tail] = await Promise.all([
      this.#toComplete(Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES, offset),
      this.#toComplete(end, Math.min(Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES, this.sizeBytes)),
    ]);
    const whole = [head, data, tail].filter((part) => part.length > 0);
    await this.#keep(whole, offset - head.length);
  }

  /** Puts whole blocks into the overlay. Undefined: it is done. */
  #keep(buffers: readonly Buffer[], offset: number): Promise<void> | undefined {
    const end = buffers.reduce((sum, buffer) => sum + buffer.length, offset);
    const mark = () =>
      this.#dirty.markWritten(Math.floor(offset / BLOCK_BYTES), Math.ceil(end / BLOCK_BYTES));
    try {
      const written = this.#overlay!.write(buffers, offset);
      if (!written) return void mark();
      return written.then(mark, (error) => {
        throw this.#overlayFault(error);
      });
    } catch (error) {
      throw this.#overlayFault(error);
    }
  }

  /** What the overlay needs of `[from, to)`, within one block, for that block to be whole. */
  async #toComplete(from: number, to: number): Promise<Buffer> {
    if (from >= to || this.#dirty.stateOf(Math.floor(from / BLOCK_BYTES)) === "written")
      return Buffer.alloc(0);
    return await this.read(from, to - from);
  }

  async #zero(offset: number, end: number): Promise<void> {
    const firstWhole = Math.ceil(offset / BLOCK_BYTES);
    const endWhole = end === this.sizeBytes ? Math.ceil(end / BLOCK_BYTES) : Math.floor(end / BLOCK_BYTES);
    if (firstWhole > endWhole) return await this.#zeroWithinBlock(offset, end);
    await this.#zeroWithinBlock(offset, firstWhole * BLOCK_BYTES);
    await this.#zeroWithinBlock(endWhole * BLOCK_BYTES, end);
    this.#dirty.markZeroed(firstWhole, endWhole);
  }

  async #zeroWithinBlock(offset: number, end: number): Promise<void> {
    if (offset >= end) return;
    const state = this.#dirty.stateOf(Math.floor(offset / BLOCK_BYTES));
    const chunk = Math.floor(offset / CHUNK_BYTES);
    const isZero = state === "zeroed" || (state === "clean" && !anyPresent(this.#shown, chunk, chunk + 1));
    if (!isZero) await this.#overwrite(offset, Buffer.alloc(end - offset));
  }

  #failRead(error: unknown): never {
    this.#imageDigest ??= mapDigest(this.#image);
    const cause = asDamagedImage(error, this.#imageDigest);
    if (cause instanceof Error) this.#fault ??= cause;
    throw deviceError(
      "EIO",
      `cannot read the image: ${cause instanceof Error ? cause.message : cause}`,
      cause,
    );
  }

  #overlayFault(error: unknown): unknown {
    if (error instanceof Error && !this.#closed) {
      this.#fault ??= new TplError({
        code: "overlay-failed",
        message: `cannot keep what was written to the disk: ${error.message}`,
        hint: "free space where the overlay is, or use a store on another file system",
        cause: error,
      });
    }
    return error;
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.readOnly) throw deviceError("EPERM", "the view is read-only");
  }

  #checkOpen(): void {
    if (this.#closed) throw deviceError("ESHUTDOWN", "the view is closed");
  }
}
