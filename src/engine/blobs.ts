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
   * Fills `into` from byte `offset` of the blob on; the range lies within it. The blob is verified against its digest
   * at the latest when this object reads the first part of it; later parts come straight from where it lies. Throws as
   * `get` does.
   * Where a driver has no way that is cheaper than `get`, it has no such method. Undefined: it is filled already.
   */
  readPart?(digest: Digest, offset: number, into: Buffer): Promise<void> | undefined;
  /**
   * Stores `data` under its digest, which the caller has computed. Atomic and idempotent; nothing is written when it is
   * there. Once it resolves, other processes see the blob, and `data` is the caller's again. Returns how many bytes the
   * store has more by it: 0 when it was there.
   */
  put(digest: Digest, data: Uint8Array): Promise<number>;
  /** Every digest there is, in no order, with its size in bytes. */
  list(): AsyncIterable<ListedBlob>;
  /** Removes it; nothing happens when it is not there, or when it was put again since `unlessPutSinceMs`. */
  remove(digest: Digest, options?: { unlessPutSinceMs?: number }): Promise<void>;
  /** Gives back the space of removed blobs, where removing alone does not. Readers and writers may go on meanwhile. */
  reclaim?(): Promise<void>;
  /** Lets go of files. Nothing is to be asked of it afterwards. */
  close?(): void;
}

export interface ListedBlob {
  digest: Digest;
  bytes: number;
  /** When it was last put, in milliseconds since the epoch, to some minutes; absent where the driver does not know. */
  putMs?: number;
}
