/**
 * Raw storage of objects under keys: what a bucket is, reduced to what this program needs of one. One driver a file;
 * `testObjectStore` in `testing/objects.ts` holds all of them to what is promised here.
 *
 * A driver retries what may pass by itself and gives every call a deadline, so that a caller never waits for ever.
 * Its errors are TplErrors with the codes of `errors.ts`.
 */

export interface ObjectStore {
  /** For people: `s3://bucket/prefix`. No secrets. */
  readonly name: string;
  readonly capabilities: ObjectStoreCapabilities;
  /**
   * The object, or the part of `range` that there is. Throws TplError `object-missing`.
   */
  get(key: string, options?: { range?: ByteRange; signal?: AbortSignal }): Promise<Buffer>;
  /** Stores `data` under `key`, in place of what was there. Large ones may travel in parts. */
  put(key: string, data: Uint8Array, options?: { signal?: AbortSignal }): Promise<void>;
  /** Undefined: there is none. */
  stat(key: string): Promise<ObjectInfo | undefined>;
  /** Every object whose key begins with `prefix`, in no order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Nothing happens when it is not there. */
  remove(key: string): Promise<void>;
  /** Lets go of connections. */
  close(): void;
}

export interface ObjectStoreCapabilities {
  /** `get` with a range moves that range alone. Where it does not, the whole object comes over and is cut. */
  rangedReads: boolean;
  /** A reader sees the old object or the new one, whenever it looks and however the writer ends. */
  atomicPut: boolean;
  /** `stat` and `list` tell when an object was put. */
  tellsTimes: boolean;
}

/** In bytes, below 2^53. */
export interface ByteRange {
  offset: number;
  length: number;
}

export interface ObjectInfo {
  key: string;
  bytes: number;
  /** Milliseconds since the epoch; with `tellsTimes`. */
  putMs?: number;
}

/** Parts of letters, digits, `.`, `_`, `-`, with `/` between; none begins with a dot, so that every driver can keep it. */
const KEY = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** Keys are made by this program alone: another one is a bug. */
export function checkKey(key: string): string {
  if (!KEY.test(key) || key.length > 900) throw new Error(`bug: ${JSON.stringify(key)} is no object's key`);
  return key;
}
