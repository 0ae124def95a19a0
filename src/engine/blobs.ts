/**
 * Blob storage: immutable byte strings under the sha256 of their content. The few methods that every driver
 * (`store/blobs/`) has and that images are built on.
 */
import type { Digest } from "./artifact.ts";

export interface BlobStore {
  readonly readOnly: boolean;
  /** Whether it is there, without reading it. */
  has(digest: Digest): Promise<boolean>;
  /** The content, verified against `digest`. Throws TplError `blob-missing` or `blob-corrupt`. */
  get(digest: Digest): Promise<Buffer>;
  /** Stores `data` under its digest, which the caller has computed. Atomic and idempotent; nothing is written when it is there. */
  put(digest: Digest, data: Uint8Array): Promise<void>;
  /** Every digest there is, in no order, with its size in bytes. */
  list(): AsyncIterable<ListedBlob>;
  /** Removes it; nothing happens when it is not there, or when it was put again since `unlessPutSinceMs`. */
  remove(digest: Digest, options?: { unlessPutSinceMs?: number }): Promise<void>;
}

export interface ListedBlob {
  digest: Digest;
  bytes: number;
  /** When it was last put, in milliseconds since the epoch, to some minutes; absent where the driver does not know. */
  putMs?: number;
}
