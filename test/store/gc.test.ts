import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { FileArtifact } from "../../src/engine/artifact.ts";
import { lossOf } from "../../src/engine/plan/history.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { scratchFolder } from "./scratch.ts";

const DAY_MS = 24 * 3600 * 1000;
const OLD = new Date(Date.now() - 30 * DAY_MS);
const LIMITS = { keepDays: 14, liveRuns: async () => [], holders: async () => [] };

async function open(path: string): Promise<Store> {
  const store = await openStore({ path });
  onTestFinished(() => store.close());
  return store;
}

/** A blob put long ago. */
async function putOld(store: Store, text: string): Promise<FileArtifact> {
  const digest = await store.putBlob(Buffer.from(text));
  const hex = digest.slice("sha256:".length);
  utimesSync(join(store.path, "blobs", hex.slice(0, 2), hex.slice(2)), OLD, OLD);
  return { type: "file", digest, bytes: text.length };
}

async function recordOld(store: Store, key: string, artifact: FileArtifact): Promise<void> {
  const about = { preimage: {}, seconds: 1, run: "r1", node: "n", host: "here", at: OLD.toISOString() };
  await store.records.put({ schema: "tplgraph.record/1", key, outputs: { file: artifact }, ...about });
}

test("what is named stays; what is evicted leaves a note with its time", async () => {
  const store = await open(scratchFolder());
  const [named, stale, stray] = [
    await putOld(store, "named"),
    await putOld(store, "stale"),
    await putOld(store, "stray"),
  ];
  await store.refs.set("named", { outputs: { file: named } });
  await recordOld(store, "k1", named);
  await recordOld(store, "k2", stale);
  const young = await store.putBlob(Buffer.from("young"));

  const dry = await store.collectGarbage({ ...LIMITS, dryRun: true });
  expect(dry.blobs.map(({ digest }) => digest).sort()).toEqual([stale.digest, stray.digest].sort());
  expect(await store.blobs.has(stale.digest)).toBe(true);

  const report = await store.collectGarbage(LIMITS);
  expect(report.records.map(({ key }) => key)).toEqual(["k2"]);
  expect(report.kept).toEqual({ blobs: 2, bytes: 10 });
  expect(await store.blobs.has(named.digest)).toBe(true);
  expect(await store.blobs.has(young)).toBe(true);
  expect(await store.blobs.has(stale.digest)).toBe(false);
  expect(await store.blobs.has(stray.digest)).toBe(false);
  expect(await store.records.get("k2")).toBeUndefined();
  const lost = await lossOf("k2", store.facts);
  expect(lost?.loss).toBe("evicted");
  expect(Date.parse(lost!.at)).toBeGreaterThan(Date.now() - DAY_MS);
  expect(await lossOf("k1", store.facts)).toBeUndefined();
  expect(readdirSync(join(store.path, "tmp"))).toEqual([]);
});

test("a blob that is put again is new: a build that finds it there may rely on it", async () => {
  const store = await open(scratchFolder());
  const { digest } = await putOld(store, "again");
  await store.putBlob(Buffer.from("again"));
  expect((await store.collectGarbage(LIMITS)).blobs).toEqual([]);
  await store.blobs.remove(digest, { unlessPutSinceMs: Date.now() - 3600_000 });
  expect(await store.blobs.has(digest)).toBe(true);
});

test("a run that has begun and not ended keeps the records, also before it has a journal", async () => {
  const store = await open(scratchFolder());
  await recordOld(store, "k", await putOld(store, "used"));
  await store.runs.start("rgoing", { template: "t", at: new Date().toISOString() });
  const report = await store.collectGarbage(LIMITS);
  expect(report).toMatchObject({ records: [], blobs: [], goingOn: ["rgoing"] });
});

test("a run that has said what it may use keeps that, and the rest goes", async () => {
  const store = await open(scratchFolder());
  const about = { template: "t", at: new Date().toISOString() };
  for (const key of ["hit", "stray", "pending"]) await recordOld(store, key, await putOld(store, key));
  const pending = (await store.records.get("pending"))!;
  await store.records.put({ ...pending, preimage: { uses: "lab/late" } });
  await store.runs.start("rgoing", { ...about, uses: { keys: ["hit"], types: ["lab/late"] } });
  const journalled = { ...LIMITS, liveRuns: async () => [{ run: "rgoing", startMs: Date.now() }] };
  const report = await store.collectGarbage(journalled);
  expect(report.records.map(({ key }) => key)).toEqual(["stray"]);
  expect(report.blobs).toHaveLength(1);

  // A disk that somebody holds and has not said of what: nothing is evicted.
  await recordOld(store, "stray", await putOld(store, "stray"));
  const serve = { run: "rserve", startMs: Date.now() };
  expect((await store.collectGarbage({ ...LIMITS, liveRuns: async () => [serve] })).records).toEqual([]);
});

test("what a holder uses stays, whether a journal tells of it or not, and the rest goes", async () => {
  const store = await open(scratchFolder());
  const [served, stray] = [await putOld(store, "served"), await putOld(store, "stray")];
  await recordOld(store, "k1", served);
  await recordOld(store, "k2", stray);
  const liveRuns = async () => [{ run: "rserve", startMs: OLD.getTime() }];
  const holders = async () => [{ run: "rserve", artifacts: [served] }];
  const report = await store.collectGarbage({ ...LIMITS, liveRuns, holders });
  expect(report).toMatchObject({ records: [{ key: "k2" }], goingOn: ["rserve"] });
  expect(await store.has(served)).toBe("present");
  expect(await store.has(stray)).toBe("missing");
});

test("what a name stood for stays as long as somebody who asked before may use it", async () => {
  const store = await open(scratchFolder());
  const [first, second] = [await putOld(store, "first"), await putOld(store, "second")];
  const startMs = Date.now();
  await store.refs.set("moving", { outputs: { file: first } });
  await store.refs.set("moving", { outputs: { file: second } });
  const beside = { ...LIMITS, liveRuns: async () => [{ run: "rserve", startMs }] };
  expect((await store.collectGarbage(beside)).blobs).toEqual([]);

  const later = await openStore({ path: store.path, now: () => Date.now() + 2 * 3600_000 });
  onTestFinished(() => later.close());
  const { blobs } = await later.collectGarbage(LIMITS);
  expect(blobs.map(({ digest }) => digest)).toEqual([first.digest]);
  expect(await store.has(second)).toBe("present");
});

test("runs of before the limit go with their logs, unless a record that stays was made by them", async () => {
  const store = await open(scratchFolder());
  for (const run of ["r1", "r2"]) await store.runs.start(run, { template: "t", at: OLD.toISOString() });
  const named = await putOld(store, "named");
  await recordOld(store, "k", named);
  await store.refs.set("named", { outputs: { file: named } });
  expect((await store.collectGarbage(LIMITS)).runs).toEqual(["r2"]);
  expect(readdirSync(join(store.path, "runs"))).toEqual(["r1"]);
});

test("ends when it is told to, with the rest left for the next one", async () => {
  const store = await open(scratchFolder());
  for (let n = 0; n < 1000; n++) await putOld(store, `stray ${n}`);
  const abort = new AbortController();
  const liveRuns = async () => {
    setImmediate(() => abort.abort(new Error("told to end")));
    return [];
  };
  const collecting = store.collectGarbage({ ...LIMITS, liveRuns, signal: abort.signal });
  await expect(collecting).rejects.toThrow("told to end");
  expect((await store.collectGarbage(LIMITS)).kept).toEqual({ blobs: 0, bytes: 0 });
});

test("killed at any moment, it leaves a store that is whole, and the next one finishes", async () => {
  const path = scratchFolder();
  const store = await open(path);
  const named = await putOld(store, "named");
  await store.refs.set("named", { outputs: { file: named } });
  for (let n = 0; n < 2000; n++) await recordOld(store, `k${n}`, await putOld(store, `stale ${n}`));
  let left = 2000;
  for (let attempt = 0; attempt < 4; attempt++) {
    const collector = spawn(process.execPath, [
      join(import.meta.dirname, "collector.fixture.ts"),
      path,
      "14",
    ]);
    onTestFinished(() => void collector.kill("SIGKILL"));
    await once(collector.stdout, "data");
    // Another moment each time: after so many records are gone.
    while (collector.exitCode === null && (await countRecords(store)) > left - 100 * attempt);
    collector.kill("SIGKILL");
    if (collector.exitCode === null && collector.signalCode === null) await once(collector, "exit");
    left = await countRecords(store);
    expect(await store.verify()).toMatchObject({ damaged: [], broken: [] });
    expect(await store.blobs.has(named.digest)).toBe(true);
  }
  await store.collectGarbage(LIMITS);
  expect(await countRecords(store)).toBe(0);
  expect((await store.collectGarbage(LIMITS)).kept).toEqual({ blobs: 1, bytes: 5 });
  expect(existsSync(path)).toBe(true);
}, 60_000);

async function countRecords(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of store.records.list()) count++;
  return count;
}
