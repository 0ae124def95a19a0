/**
 * What garbage collection would delete, as a function of what there is. Kept is what a ref names, what records used
 * within the limits name, what a holder says it uses, and whatever a build that goes on may use: the records that it
 * said it may use, all of them where it did not say, those made since it began, and all blobs put since then. Blobs
 * younger than an hour are kept in any case.
 */
import type { Artifact } from "../engine/artifact.ts";
import type { ListedBlob } from "../engine/blobs.ts";
import type { CacheRecord } from "../engine/run/record.ts";
import type { RecordsInUse } from "../engine/store.ts";
import type { KeptRef } from "./refs/refs.ts";
import type { RunSummary } from "./runs.ts";

export interface Limits {
  /** How long a record is kept after its last use, and a run after its start. */
  keepDays: number;
  /** Beyond this, the least recently used records go too. */
  keepStorageBytes?: number;
}

/** A build that has not ended, or anything else with a journal that has not said what it uses. */
export interface LiveRun {
  run: string;
  startMs: number;
  /** Absent: it may use any record. */
  uses?: RecordsInUse;
}

/** A command or program that uses what there is and has said so: a server of images, a copy on its way. */
export interface Holder {
  run: string;
  artifacts: readonly Artifact[];
  /** Milliseconds since the epoch. Absent: it puts nothing that it has not named. */
  putSinceMs?: number;
}

export interface Holdings {
  nowMs: number;
  refs: readonly KeptRef[];
  records: readonly CacheRecord[];
  runs: readonly RunSummary[];
  liveRuns: readonly LiveRun[];
  holders: readonly Holder[];
  blobs: readonly ListedBlob[];
  /** By `artifactId`: the places in `blobs` of all that the artifact needs, its own blob included. */
  parts: ReadonlyMap<string, Uint32Array>;
}

export interface Collection {
  records: CacheRecord[];
  blobs: ListedBlob[];
  /** Ids. */
  runs: string[];
  /** Blobs put since then are kept, whatever names them. */
  cutMs: number;
  /** What stays, the blobs that are too young to judge included. */
  kept: { blobs: number; bytes: number };
}

const DAY_MS = 24 * 3600 * 1000;
const YOUNG_MS = 3600 * 1000;

export function collection(holdings: Holdings, limits: Limits): Collection {
  const { nowMs, refs, runs, liveRuns, holders, blobs } = holdings;
  const oldestMs = nowMs - limits.keepDays * DAY_MS;
  // The hour is also for what was looked up while planning, before the run began.
  const begunMs = [
    ...liveRuns.map(({ startMs }) => startMs),
    ...holders.map(({ putSinceMs = nowMs }) => putSinceMs),
  ];
  const cutMs = Math.min(nowMs, ...begunMs) - YOUNG_MS;
  const { kept, evicted, isMarked } = judgeRecords(holdings, limits, { oldestMs, cutMs });
  const swept = blobs.filter(({ putMs }, place) => !isMarked(place) && putMs !== undefined && putMs < cutMs);
  const told = new Set([
    ...kept.map(({ run }) => run),
    ...refs.map(({ run }) => run),
    ...liveRuns.map(({ run }) => run),
  ]);
  return {
    records: evicted,
    blobs: swept,
    cutMs,
    runs: runs.filter(({ run, at }) => Date.parse(at) < oldestMs && !told.has(run)).map(({ run }) => run),
    kept: { blobs: blobs.length - swept.length, bytes: sizeOf(blobs) - sizeOf(swept) },
  };
}

export function artifactId({ type, digest }: Artifact): string {
  return `${type} ${digest}`;
}

export function sizeOf(blobs: readonly ListedBlob[]): number {
  return blobs.reduce((sum, { bytes }) => sum + bytes, 0);
}

function judgeRecords(
  holdings: Holdings,
  limits: Limits,
  { oldestMs, cutMs }: { oldestMs: number; cutMs: number },
) {
  const { refs, records, liveRuns, holders } = holdings;
  const marks = new Marks(holdings);
  const held = holders.flatMap(({ artifacts }) => artifacts);
  const ofRefs = refs.flatMap(({ outputs }) => Object.values(outputs));
  const named = new Set([...held, ...ofRefs].map(artifactId));
  for (const artifact of held) marks.add({ artifact });
  for (const { outputs, former = [] } of refs) {
    marks.add(outputs);
    // Whoever goes on may have asked for the name when it still stood for this.
    for (const past of former) if (Date.parse(past.until) >= cutMs) marks.add(past.outputs);
  }
  for (const { outputs } of records) marks.add(outputs);

  const lastUse = lastUses(holdings);
  const isNamed = ({ outputs }: CacheRecord) =>
    Object.values(outputs).some((artifact) => named.has(artifactId(artifact)));
  const isInUse = inUseBy(liveRuns);
  const evictable = records.filter((record) => !isNamed(record) && !isInUse(record));
  evictable.sort((a, b) => lastUse(a) - lastUse(b));
  const evicted: CacheRecord[] = [];
  for (const record of evictable) {
    const isTooMuch = marks.bytes > (limits.keepStorageBytes ?? Number.POSITIVE_INFINITY);
    if (lastUse(record) >= oldestMs && !isTooMuch) break;
    marks.remove(record.outputs);
    evicted.push(record);
  }
  const gone = new Set(evicted);
  return {
    kept: records.filter((record) => !gone.has(record)),
    evicted,
    isMarked: (place: number) => marks.has(place),
  };
}

function inUseBy(liveRuns: readonly LiveRun[]): (record: CacheRecord) => boolean {
  if (liveRuns.some(({ uses }) => uses === undefined)) return () => true;
  const keys = new Set(liveRuns.flatMap(({ uses }) => uses!.keys));
  const types = new Set(liveRuns.flatMap(({ uses }) => uses!.types));
  const sinceMs = Math.min(...liveRuns.map(({ startMs }) => startMs));
  return ({ key, preimage, at }) =>
    keys.has(key) || types.has((preimage as { uses?: string }).uses ?? "") || Date.parse(at) >= sinceMs;
}

/** When a record was made, or last found by a run that has ended: runs keep the keys of their steps. */
function lastUses({ runs }: Holdings): (record: CacheRecord) => number {
  const found = new Map<string, number>();
  for (const { record, at } of runs)
    for (const { key } of Object.values(record?.nodes ?? {}))
      if (key !== null) found.set(key, Math.max(found.get(key) ?? 0, Date.parse(at)));
  return ({ key, at }) => Math.max(Date.parse(at), found.get(key) ?? 0);
}

/** How often each blob is needed, so that taking one artifact away shows what only it needed. */
class Marks {
  /** What is needed, in bytes. */
  bytes = 0;
  readonly #holdings: Holdings;
  readonly #counts: Uint32Array;
  readonly #artifacts = new Map<string, number>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
    this.#counts = new Uint32Array(holdings.blobs.length);
  }

  has(place: number): boolean {
    return this.#counts[place]! > 0;
  }

  add(outputs: Record<string, Artifact>): void {
    for (const id of Object.values(outputs).map(artifactId)) {
      const uses = this.#artifacts.get(id) ?? 0;
      this.#artifacts.set(id, uses + 1);
      if (uses > 0) continue;
      for (const place of this.#holdings.parts.get(id) ?? [])
        if (this.#counts[place]!++ === 0) this.bytes += this.#holdings.blobs[place]!.bytes;
    }
  }

  remove(outputs: Record<string, Artifact>): void {
    for (const id of Object.values(outputs).map(artifactId)) {
      const uses = this.#artifacts.get(id)! - 1;
      this.#artifacts.set(id, uses);
      if (uses > 0) continue;
      for (const place of this.#holdings.parts.get(id) ?? [])
        if (--this.#counts[place]! === 0) this.bytes -= this.#holdings.blobs[place]!.bytes;
    }
  }
}
