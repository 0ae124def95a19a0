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
  type Holder,
  type Holdings,
  type Limits,
  type LiveRun,
} from "./collection.ts";
import type { PartsOf } from "./presence.ts";
import type { Records } from "./records/records.ts";
import type { Refs } from "./refs/refs.ts";
import type { Runs } from "./runs.ts";

export interface GcOptions extends Limits {
  /** Whatever has a journal and goes on. Asked again before anything is deleted, as the next one. */
  liveRuns(): Promise<readonly LiveRun[]>;
  /** Those among them, and others, that have said what they use. */
  holders(): Promise<readonly Holder[]>;
  /** Deletes nothing. */
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface GcReport extends Collection {
  /** Ids of what goes on: builds, and holders of artifacts. */
  goingOn: readonly string[];
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
  if (options.dryRun) return { ...planned, goingOn: goingOn(first) };
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
  const live = goingOn(second);
  const runs = planned.runs.filter((run) => !live.includes(run));
  for (const run of runs) await store.runs.remove(run);
  return { records: planned.records, blobs, runs, cutMs, kept, goingOn: live };
}

function goingOn({ liveRuns, holders }: Holdings): string[] {
  return [...liveRuns, ...holders].map(({ run }) => run);
}

/** Blobs are listed before what names them is read: what is put and named later is not among them. */
function lookingAt(store: GcStore, options: GcOptions): () => Promise<Holdings> {
  const known = new Map<string, readonly Digest[]>();
  return async () => {
    const blobs = await collect(store.blobs.list());
    // A holder says what it uses before it has a journal: in this order none is taken for a run that did not say.
    const journals = await options.liveRuns();
    const holders = await options.holders();
    const hold = new Set(holders.map(({ run }) => run));
    const journalled = journals.filter(({ run }) => !hold.has(run));
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
    const naming = [...refs, ...refs.flatMap(({ former = [] }) => former), ...records];
    const named = naming.flatMap(({ outputs }) => Object.values(outputs));
    for (const artifact of [...named, ...holders.flatMap(({ artifacts }) => artifacts)]) {
      options.signal?.throwIfAborted();
      const id = artifactId(artifact);
      if (parts.has(id) || artifact.type === "data") continue;
      const digests = known.get(id) ?? (await partsOf(artifact, store));
      known.set(id, digests);
      parts.set(id, Uint32Array.from(placesOf(digests, places)));
    }
    return { nowMs, refs, records, runs, liveRuns, holders, blobs, parts };
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
