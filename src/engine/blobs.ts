/**
 * Blob storage: immutable byte strings under the sha256 of their content. The few methods that every driver
 * (`store/blobs/`) has and that images are built on.
 */
import type { Digest } from "./artifact.ts";

/** Images are cut into chunks of this size (`image/map.ts`); a driver may keep blobs of exactly this size together. */
export const CHUNK_BYTES = 65536;

export interface BlobStore {
  readonly readOnly: boolean;
  /** Whether it is there, without reading it. */
  has(digest: Digest): Promise<boolean>;
  /** The content, verified against `digest`. Throws TplError `blob-missing` or `blob-corrupt`. */
  get(digest: Digest): Promise<Buffer>;
  /**
   * For reading an image's chunks again and again, where a driver has a way that is cheaper than `get`. `digests`: 32
   * bytes for each, never changed; all of blobs of `CHUNK_BYTES`.
   */
  chunks?(digests: Buffer): ChunkReader;
  /**
   * Stores `data` under its digest, which the caller has computed. Atomic and idempotent; nothing is written when it is
   * there. Once it resolves, other processes see the blob, and `data` is the caller's again. Returns how many bytes the
   * store has more by it: 0 when it was there.
   */
  put(digest: Digest, data: Uint8Array): Promise<number>;
  /** For many chunks. Where a driver has no way that is cheaper than `put` of each, it has no such method. */
  chunkWriter?(): ChunkWriter;
  /** Every digest there is, in no order, with its size in bytes. */
  list(): AsyncIterable<ListedBlob>;
  /** Removes it; nothing happens when it is not there, or when it was put again since `unlessPutSinceMs`. */
  remove(digest: Digest, options?: { unlessPutSinceMs?: number }): Promise<void>;
  /** Gives back the space of removed blobs, where removing alone does not. Readers and writers may go on meanwhile. */
  reclaim?(): Promise<void>;
  /** Lets go of files. Nothing is to be asked of it afterwards. */
  close?(): void;
}

export interface ChunkReader {
  /**
   * Fills `into` from byte `offset` of the chunk at `place` of the list on, and from those that follow it. Undefined:
   * it is filled already. A chunk is verified against its digest at the latest when this store reads from it first;
   * later it is read straight from where it lies. Rejects as `get` throws, when nothing writes to `into` any more; also
   * with `blob-missing` for what `get` has to bring from somewhere else.
   */
  read(place: number, offset: number, into: Buffer): Promise<void> | undefined;
}

export interface Chunk {
  /** 32 bytes, which the caller has computed and does not change any more. */
  digest: Uint8Array;
  /** `CHUNK_BYTES`. */
  data: Uint8Array;
}

/** Chunks that are of use only together, as those of one image are: others need not see them one by one. */
export interface ChunkWriter {
  /**
   * Stores those that are not there. The data is the caller's again once it resolves. Returns how many bytes the store
   * has more by it.
   */
  put(chunks: readonly Chunk[]): Promise<number>;
  /** Once it resolves, other processes see all that was put. Without it, they may see some, or none. */
  finish(): Promise<void>;
}

export interface ListedBlob {
  digest: Digest;
  bytes: number;
  /** When it was last put, in milliseconds since the epoch, to some minutes; absent where the driver does not know. */
  putMs?: number;
}
