/**
 * A store in a folder, with a remote behind it where one is configured: the engine's store, and what `artifacts` and
 * `runs` show of it. Several processes may have
 * it open at once; one that is killed at any point leaves nothing or something whole. Where the folder cannot be
 * written, the store is read-only and says so.
 */
import { resolve } from "node:path";
import type { Artifact, Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";
import type { EngineStore } from "../engine/store.ts";
import { digestOf, isDigest } from "./blobs/digest.ts";
import { openBlobs } from "./blobs/open.ts";
import { readOnlyStore } from "./fault.ts";
import type { GcOptions, GcReport } from "./gc.ts";
import { inventory, type StoredArtifact } from "./inventory.ts";
import { openFolder } from "./layout.ts";
import { type PartsOf, type Presence, type PresenceOptions, presence } from "./presence.ts";
import { openRecords, type Records } from "./records/records.ts";
import { withShared } from "./records/with-shared.ts";
import { folderRefs, type Refs } from "./refs/refs.ts";
import { type RefSources, resolveRef, type Wanted } from "./refs/resolve.ts";
import type { InnerOf } from "./remote/push.ts";
import type { SharedOptions, SharedStore } from "./remote/shared-store.ts";
import { type Sharing, sharing } from "./remote/sharing.ts";
import { asUnreachable } from "./remote/tiered.ts";
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
  /** Which images they have inside; with `shared`. */
  inner?: InnerOf;
  /** What is shared with other machines; absent: nothing. */
  shared?: SharedOptions | undefined;
  /** Milliseconds since the epoch. Default: the clock. */
  now?(): number;
}

export interface Store extends EngineStore, AsyncDisposable {
  /** Absolute. */
  readonly path: string;
  /** With the remote's behind those of the folder. */
  readonly blobs: BlobStore;
  /** Absent: nothing is shared with other machines. */
  readonly sharing?: Sharing;
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
  const { inner: innerOf = async () => [], shared: sharedOptions } = options;
  const path = resolve(options.path);
  const { readOnly } = openFolder(path, { create, mode, nowMs: now() });
  const {
    local,
    blobs,
    shared,
    trouble,
    close: closeBlobs,
  } = openBlobs({ path, readOnly, shared: sharedOptions, now });
  const opened = openRecords({ folder: path, mode: readOnly ? "read" : "write", now });
  const { facts, close } = opened;
  // Records that nobody shares are not asked for.
  const asked = sharedOptions?.records === "sqlite" ? undefined : shared;
  const records = asked ? withShared(opened.records, asked, { readOnly }) : opened.records;
  const refs = folderRefs({ folder: path, readOnly, now });
  const runs = folderRuns({ folder: path, readOnly });
  const artifacts = async () => inventory(await refs.list(), records.list());
  const describe = async (prefix: string) =>
    (await artifacts()).filter(({ artifact }) => artifact.digest.startsWith(prefix));
  const closeAll = async () => {
    await runs.close();
    await close();
    await closeBlobs();
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
    ...(shared && {
      sharing: sharing({
        ...{ path, local, blobs, shared, trouble, partsOf, innerOf },
        options: sharedOptions!,
        record: opened.records.get,
        ref: refs.get,
      }),
    }),
    resolveRef: (text, want = {}) => {
      const here: RefSources = {
        ref: refs.get,
        refNames: async () => (await refs.list()).map(({ name }) => name),
        run: async (run) => (await runs.get(run))?.record,
        byDigest: async (prefix) => (await describe(prefix)).map(({ artifact }) => artifact),
      };
      return resolveRef(text, want, shared ? withRemoteRefs(here, shared, sharedOptions!.remote.url) : here);
    },
    has: (artifact, depth = { depth: "manifest" }) => presence(artifact, blobs, partsOf, depth),
    async bytesToFetch(artifacts) {
      if (!shared) return 0;
      const { bytesToFetch } = await import("./remote/bytes-to-fetch.ts");
      return bytesToFetch(artifacts, { local, blobs, partsOf }, shared);
    },
    async putBlob(data, { onAdded } = {}) {
      const digest = digestOf(data);
      const added = await blobs.put(digest, data);
      onAdded?.(added);
      return digest;
    },
    readBlob: (digest) => readBlob(blobs, digest),
    verify: async (verifyOptions) =>
      verify(local, await artifacts(), partsOf, {
        ...verifyOptions,
        ...(shared && { behind: async () => (await shared()).blobs }),
      }),
    async collectGarbage(gcOptions) {
      if (readOnly && !gcOptions.dryRun) throw readOnlyStore(path);
      const { collectGarbage } = await import("./gc.ts");
      // What only the remote has is not garbage here, and is not to be fetched to find that out.
      return collectGarbage({ blobs: local, records, facts, refs, runs, partsOf, now }, gcOptions);
    },
    close: closeAll,
    [Symbol.asyncDispose]: closeAll,
  };
}

/** What is not here is looked for on the remote: a name by itself, an artifact by all its digits. */
function withRemoteRefs(here: RefSources, shared: () => Promise<SharedStore>, remote: string): RefSources {
  return {
    ...here,
    remote,
    ref: async (name) =>
      (await here.ref(name)) ?? (await asUnreachable(async () => (await shared()).refs.get(name))),
    async refNames() {
      const there = await asUnreachable(async () => (await shared()).refs.names());
      return [...new Set([...(await here.refNames()), ...there])];
    },
    async byDigest(prefix) {
      const found = await here.byDigest(prefix);
      if (found.length > 0 || !isDigest(prefix)) return found;
      const there = await asUnreachable(async () => (await shared()).blobs.artifact(prefix));
      return there ? [there] : [];
    },
  };
}

async function readBlob(blobs: BlobStore, digest: Digest): Promise<Buffer> {
  try {
    return await blobs.get(digest);
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    const { code, message, hint } = error;
    if (code !== "blob-missing" && code !== "blob-corrupt" && code !== "store-unreachable") throw error;
    throw new ArtifactDamaged({ code, message, digest, cause: error, ...(hint ? { hint } : {}) });
  }
}
