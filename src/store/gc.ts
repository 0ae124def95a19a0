/**
 * Garbage collection: deletes what `collection.ts` says. Safe beside builds and other collections, and when it is
 * killed at any point: records go before the blobs they name, what may go is judged again between the two, and a
 * blob that is put again meanwhile stays. What it leaves undone, the next one does.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Artifact, Digest } from "../engine/artifact.ts";
import type { BlobStore, ListedBlob } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import { noteLoss } from "../engine/plan/history.ts";
import type { CacheRecord } from "../engine/run/record.ts";
import {
  artifactId,
  type Collection,
  collection,
  type Holdings,
  type Limits,
  type LiveRun,
} from "./collection.ts";
import type { PartsOf } from "./presence.ts";
import type { Records } from "./records/records.ts";
import type { Refs } from "./refs/refs.ts";
import type { Runs } from "./runs.ts";

export interface GcOptions extends Limits {
  /** Runs that go on. Asked again before anything is deleted. */
  liveRuns(): Promise<readonly LiveRun[]>;
  /** Deletes nothing. */
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface GcReport extends Collection {
  liveRuns: readonly LiveRun[];
}

/** What is collected from. */
export interface GcStore {
  blobs: BlobStore;
  records: Records["records"];
  facts: Records["facts"];
  refs: Refs;
  runs: Runs;
  partsOf: PartsOf;
  now(): number;
}

/** A run without a journal that began this long ago, and has not ended, was killed. */
const STARTING_MS = 3600 * 1000;

export async function collectGarbage(store: GcStore, options: GcOptions): Promise<GcReport> {
  const look = lookingAt(store, options);
  const first = await look();
  const planned = collection(first, options);
  if (options.dryRun) return { ...planned, liveRuns: first.liveRuns };
  for await (const { key } of interruptibly(planned.records, options)) {
    await noteLoss(key, "evicted", store.facts);
    await store.records.remove(key);
  }
  // What was named meanwhile stays; what was evicted is evicted already.
  const second = await look();
  const { blobs, cutMs, kept } = collection(second, { keepDays: Number.POSITIVE_INFINITY });
  for await (const { digest } of interruptibly(manifestsFirst(blobs, planned.records), options)) {
    await store.blobs.remove(digest, { unlessPutSinceMs: cutMs });
  }
  await store.blobs.reclaim?.();
  const live = new Set(second.liveRuns.map(({ run }) => run));
  const runs = planned.runs.filter((run) => !live.has(run));
  for (const run of runs) await store.runs.remove(run);
  return { records: planned.records, blobs, runs, cutMs, kept, liveRuns: second.liveRuns };
}

/** Blobs are listed before what names them is read: what is put and named later is not among them. */
function lookingAt(store: GcStore, options: GcOptions): () => Promise<Holdings> {
  const known = new Map<string, readonly Digest[]>();
  return async () => {
    const blobs = await collect(store.blobs.list());
    const journalled = await options.liveRuns();
    const runs = await store.runs.list();
    const records = await collect(store.records.list());
    const refs = await store.refs.list();
    const nowMs = store.now();
    const going = new Set(journalled.map(({ run }) => run));
    const started = runs
      .filter(({ state }) => state === "unfinished")
      .filter(({ run, at }) => going.has(run) || nowMs - Date.parse(at) < STARTING_MS)
      .map(({ run, at, uses }) => ({ run, startMs: Date.parse(at), ...(uses ? { uses } : {}) }));
    const liveRuns = [...new Map([...journalled, ...started].map((live) => [live.run, live])).values()];
    const places = new Map(blobs.map(({ digest }, place) => [digest, place]));
    const parts = new Map<string, Uint32Array>();
    const named = [...refs, ...refs.flatMap(({ former = [] }) => former), ...records];
    for (const artifact of named.flatMap(({ outputs }) => Object.values(outputs))) {
      options.signal?.throwIfAborted();
      const id = artifactId(artifact);
      if (parts.has(id) || artifact.type === "data") continue;
      const digests = known.get(id) ?? (await partsOf(artifact, store));
      known.set(id, digests);
      parts.set(id, Uint32Array.from(placesOf(digests, places)));
    }
    return { nowMs, refs, records, runs, liveRuns, blobs, parts };
  };
}

/** Its own blob and all it names. One that is damaged keeps what can still be told of it. */
async function partsOf(artifact: Artifact, { blobs, partsOf }: GcStore): Promise<readonly Digest[]> {
  try {
    return [artifact.digest, ...(await partsOf(artifact, blobs))];
  } catch (error) {
    if (!(error instanceof TplError) || error.code.startsWith("store-")) throw error;
    return [artifact.digest];
  }
}

function placesOf(digests: readonly Digest[], places: ReadonlyMap<Digest, number>): Set<number> {
  return new Set(digests.map((digest) => places.get(digest)).filter((place) => place !== undefined));
}

/** So that what is half deleted is seen to be gone at the first look. */
function manifestsFirst(blobs: readonly ListedBlob[], evicted: readonly CacheRecord[]): ListedBlob[] {
  const manifests = new Set(
    evicted.flatMap(({ outputs }) => Object.values(outputs).map(({ digest }) => digest)),
  );
  const isManifest = ({ digest }: ListedBlob) => manifests.has(digest);
  return [...blobs.filter(isManifest), ...blobs.filter((blob) => !isManifest(blob))];
}

const ITEMS_A_TURN = 200;

/** What is done with an item waits for nothing: without a pause no signal would ever be noticed. */
async function* interruptibly<T>(items: readonly T[], { signal }: GcOptions): AsyncGenerator<T> {
  for (const [place, item] of items.entries()) {
    if (place % ITEMS_A_TURN === 0) await nextTurn();
    signal?.throwIfAborted();
    yield item;
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
