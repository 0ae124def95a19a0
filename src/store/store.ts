/**
 * A store in a folder: the engine's store, and what `artifacts` and `runs` show of it. Several processes may have
 * it open at once; one that is killed at any point leaves nothing or something whole. Where the folder cannot be
 * written, the store is read-only and says so.
 */
import { resolve } from "node:path";
import type { Artifact, Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";
import type { EngineStore } from "../engine/store.ts";
import { digestOf } from "./blobs/digest.ts";
import { folderBlobs } from "./blobs/folder.ts";
import { readOnlyStore } from "./fault.ts";
import type { GcOptions, GcReport } from "./gc.ts";
import { inventory, type StoredArtifact } from "./inventory.ts";
import { openFolder } from "./layout.ts";
import { type PartsOf, type Presence, type PresenceOptions, presence } from "./presence.ts";
import { openRecords, type Records } from "./records/records.ts";
import { folderRefs, type Refs } from "./refs/refs.ts";
import { resolveRef, type Wanted } from "./refs/resolve.ts";
import { folderRuns, type Runs } from "./runs.ts";
import { type Verification, type VerifyOptions, verify } from "./verify.ts";

export interface OpenStoreOptions {
  /** The store's folder; `store/location.ts` finds it. */
  path: string;
  /** Default: `if-missing`, its parents too. */
  create?: "if-missing" | "never";
  /** `read`: nothing in the folder is touched. Default: `write`, where that is permitted. */
  mode?: "read" | "write";
  /** What images and snapshots consist of. Without it, an artifact is its manifest alone. */
  parts?: PartsOf;
  /** Milliseconds since the epoch. Default: the clock. */
  now?(): number;
}

export interface Store extends EngineStore, AsyncDisposable {
  /** Absolute. */
  readonly path: string;
  readonly blobs: BlobStore;
  records: Records["records"];
  refs: Refs;
  runs: Runs;
  /** As the engine's, with any type where none is wanted. `sha256:` and the first 8 digits or more will do. */
  resolveRef(text: string, want?: Wanted): Promise<Artifact>;
  /** Default depth: `manifest`. */
  has(artifact: Artifact, options?: PresenceOptions): Promise<Presence>;
  /** Every artifact that a record or a ref names. */
  artifacts(): Promise<StoredArtifact[]>;
  /** The artifacts whose digests begin with `digest`, mostly one. */
  describe(digest: string): Promise<StoredArtifact[]>;
  verify(options?: VerifyOptions): Promise<Verification>;
  /** Deletes what neither names, records within the limits, nor builds need: see `gc.ts`. */
  collectGarbage(options: GcOptions): Promise<GcReport>;
  /** Writes what is buffered and lets go of the files. */
  close(): Promise<void>;
}

/** Throws TplError `store-…`: see `layout.ts`. Records are opened when they are first asked for. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { create = "if-missing", mode = "write", now = Date.now, parts: partsOf = async () => [] } = options;
  const path = resolve(options.path);
  const { readOnly } = openFolder(path, { create, mode, nowMs: now() });
  const blobs = folderBlobs(path, { readOnly });
  const { records, facts, close } = openRecords({ folder: path, mode: readOnly ? "read" : "write", now });
  const refs = folderRefs({ folder: path, readOnly, now });
  const runs = folderRuns({ folder: path, readOnly });
  const artifacts = async () => inventory(await refs.list(), records.list());
  const describe = async (prefix: string) =>
    (await artifacts()).filter(({ artifact }) => artifact.digest.startsWith(prefix));
  const closeAll = async () => {
    await runs.close();
    await close();
    blobs.close?.();
  };
  return {
    path,
    readOnly,
    blobs,
    records,
    facts,
    refs,
    runs,
    artifacts,
    describe,
    resolveRef: (text, want = {}) =>
      resolveRef(text, want, {
        ref: refs.get,
        refNames: async () => (await refs.list()).map(({ name }) => name),
        run: async (run) => (await runs.get(run))?.record,
        byDigest: async (prefix) => (await describe(prefix)).map(({ artifact }) => artifact),
      }),
    has: (artifact, depth = { depth: "manifest" }) => presence(artifact, blobs, partsOf, depth),
    async putBlob(data) {
      const digest = digestOf(data);
      await blobs.put(digest, data);
      return digest;
    },
    readBlob: (digest) => readBlob(blobs, digest),
    verify: async (verifyOptions) => verify(blobs, await artifacts(), partsOf, verifyOptions),
    async collectGarbage(gcOptions) {
      if (readOnly && !gcOptions.dryRun) throw readOnlyStore(path);
      const { collectGarbage } = await import("./gc.ts");
      return collectGarbage({ blobs, records, facts, refs, runs, partsOf, now }, gcOptions);
    },
    close: closeAll,
    [Symbol.asyncDispose]: closeAll,
  };
}

async function readBlob(blobs: BlobStore, digest: Digest): Promise<Buffer> {
  try {
    return await blobs.get(digest);
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    const { code, message, hint } = error;
    if (code !== "blob-missing" && code !== "blob-corrupt") throw error;
    throw new ArtifactDamaged({ code, message, digest, cause: error, ...(hint ? { hint } : {}) });
  }
}
