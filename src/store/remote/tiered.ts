/**
 * The local store in front of a remote one: what is not here is read from there, blob by blob, and kept. Everything
 * that is made is put here alone; uploading is somebody else's task (`upload.ts`). Listing and removing is of what is
 * here, so that garbage collection never touches the remote.
 *
 * A remote that is away or refuses makes what only it has `store-unreachable`; the caller can mostly do without.
 */
import type { Digest } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";

export interface TieredOptions {
  local: BlobStore;
  /** Opened when the first blob is not here. */
  remote(): Promise<BlobStore>;
  /** `kept`: a blob that is read counts as put again, so that the least recently used can be told. */
  uses: "kept" | "ignored";
}

export function tieredBlobs({ local, remote, uses }: TieredOptions): BlobStore {
  const used = new Set<Digest>();
  const use = async (digest: Digest, data: Buffer) => {
    if (uses === "ignored" || local.readOnly || used.has(digest)) return;
    used.add(digest);
    await keep(local, digest, data);
  };

  async function fetchTo(digest: Digest, localFault: unknown): Promise<Buffer> {
    const data = await fromRemote(digest, localFault, remote);
    if (!local.readOnly) await keep(local, digest, data);
    return data;
  }

  return {
    readOnly: local.readOnly,
    async has(digest) {
      return (await local.has(digest)) || (await asUnreachable(async () => (await remote()).has(digest)));
    },
    async get(digest) {
      let data: Buffer;
      try {
        data = await local.get(digest);
      } catch (error) {
        return await fetchTo(digest, unlessAbsent(error));
      }
      await use(digest, data);
      return data;
    },
    ...(local.chunks && { chunks: (digests: Buffer) => local.chunks!(digests) }),
    put: (digest, data) => local.put(digest, data),
    ...(local.chunkWriter && { chunkWriter: () => local.chunkWriter!() }),
    list: () => local.list(),
    remove: (digest, options) => local.remove(digest, options),
    ...(local.reclaim && { reclaim: () => local.reclaim!() }),
    close: () => local.close?.(),
  };
}

/** What is missing or damaged here may be whole there; anything else is an error. */
function unlessAbsent(error: unknown): TplError {
  if (error instanceof TplError && (error.code === "blob-missing" || error.code === "blob-corrupt"))
    return error;
  throw error;
}

async function fromRemote(
  digest: Digest,
  localFault: unknown,
  remote: () => Promise<BlobStore>,
): Promise<Buffer> {
  try {
    return await asUnreachable(async () => (await remote()).get(digest));
  } catch (error) {
    // That it is missing there as well says less than what is wrong with it here.
    if (error instanceof TplError && error.code === "blob-missing") throw localFault;
    throw error;
  }
}

/** Only a cache: where it is full, the blob has been read all the same. */
async function keep(local: BlobStore, digest: Digest, data: Buffer): Promise<void> {
  try {
    await local.put(digest, data);
  } catch (error) {
    if (!(error instanceof TplError && error.code === "store-full")) throw error;
  }
}

/** Whatever keeps a remote from answering (`store-…`) is one thing to who can do without it. */
export async function asUnreachable<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof TplError) || !error.code.startsWith("store-")) throw error;
    const { message, hint } = error;
    throw new TplError({ code: "store-unreachable", message, cause: error, ...(hint ? { hint } : {}) });
  }
}
