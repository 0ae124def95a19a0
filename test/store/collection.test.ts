import { describe, expect, test } from "vitest";
import type { Artifact, Digest } from "../../src/engine/artifact.ts";
import type { CacheRecord, RunRecord } from "../../src/engine/run/record.ts";
import { artifactId, collection, type Holdings } from "../../src/store/collection.ts";

const DAY_MS = 24 * 3600 * 1000;
const NOW_MS = Date.parse("2026-03-01T00:00:00.000Z");
const daysAgo = (days: number) => new Date(NOW_MS - days * DAY_MS).toISOString();
const digest = (name: string) => `sha256:${name}` as Digest;
const image = (name: string): Artifact => ({ type: "image", digest: digest(name), bytes: 1 });

function record(key: string, days: number, output: Artifact): CacheRecord {
  const about = { preimage: {}, seconds: 1, run: `r${key}`, node: key, host: "here", at: daysAgo(days) };
  return { schema: "tplgraph.record/1", key, outputs: { image: output }, ...about };
}

//  named:latest ─▶ a ─▶ blobs 0 1        old record ─▶ b ─▶ blobs 1 2
//                                        new record ─▶ c ─▶ blob 3        nobody ─▶ blobs 4 (old) 5 (young)
function holdings(change: Partial<Holdings> = {}): Holdings {
  const putMs = [20, 20, 20, 20, 20, 0].map((days) => NOW_MS - days * DAY_MS - 60_000);
  return {
    nowMs: NOW_MS,
    refs: [{ name: "named:latest", outputs: { image: image("a") }, run: "rnamed", at: daysAgo(90) }],
    records: [record("a", 90, image("a")), record("b", 15, image("b")), record("c", 13, image("c"))],
    runs: ["ra", "rb", "rc", "rnamed", "rfailed"].map((run) => ({
      ...{ run, template: "t", at: daysAgo(20), state: "ok" as const },
    })),
    liveRuns: [],
    holders: [],
    blobs: putMs.map((put, place) => ({ digest: digest(String(place)), bytes: 100, putMs: put })),
    parts: new Map(
      Object.entries({ a: [0, 1], b: [1, 2], c: [3] }).map(([name, places]) => [
        artifactId(image(name)),
        Uint32Array.from(places),
      ]),
    ),
    ...change,
  };
}

function told(found: ReturnType<typeof collection>) {
  return {
    records: found.records.map(({ key }) => key),
    blobs: found.blobs.map((blob) => blob.digest.slice("sha256:".length)),
    runs: found.runs,
  };
}

describe("what is collected", () => {
  test("records that were not used for so long, what only they named, what nobody named, and old runs", () => {
    const found = collection(holdings(), { keepDays: 14 });
    expect(told(found)).toEqual({ records: ["b"], blobs: ["2", "4"], runs: ["rb", "rfailed"] });
    expect(found.kept).toEqual({ blobs: 4, bytes: 400 });
  });

  test("a record that a run has found lately is kept", () => {
    const node = { status: "hit" as const, key: "b", seconds: 0 };
    const run = { run: "rlate", template: "t", at: daysAgo(2), state: "ok" as const };
    const late = { ...run, record: { nodes: { step: node } } as unknown as RunRecord };
    const found = collection(holdings({ runs: [late] }), { keepDays: 14 });
    expect(told(found)).toEqual({ records: [], blobs: ["4"], runs: [] });
  });

  test("above the size to keep, the least recently used go first, and what a ref names stays", () => {
    expect(told(collection(holdings(), { keepDays: 30, keepStorageBytes: 300 })).records).toEqual(["b"]);
    expect(told(collection(holdings(), { keepDays: 30, keepStorageBytes: 0 })).records).toEqual(["b", "c"]);
    expect(told(collection(holdings(), { keepDays: 30, keepStorageBytes: 400 })).records).toEqual([]);
  });

  test("beside a build no record goes, nor a blob that was put since it began, nor its log", () => {
    const liveRuns = [{ run: "rfailed", startMs: NOW_MS - 21 * DAY_MS }];
    const found = collection(holdings({ liveRuns }), { keepDays: 14, keepStorageBytes: 0 });
    expect(told(found)).toEqual({ records: [], blobs: [], runs: [] });
    const younger = [{ run: "rx", startMs: NOW_MS - 10 * DAY_MS }];
    expect(told(collection(holdings({ liveRuns: younger }), { keepDays: 14 })).blobs).toEqual(["4"]);
  });

  test("beside a holder what it holds stays with its record, and the rest goes, however long it has been there", () => {
    const holders = [{ run: "rserve", artifacts: [image("b")] }];
    const found = collection(holdings({ holders }), { keepDays: 0, keepStorageBytes: 0 });
    expect(told(found)).toMatchObject({ records: ["c"], blobs: ["3", "4"] });
  });

  test("beside a holder that makes something, what was put since it began stays", () => {
    const holders = [{ run: "rimport", artifacts: [], putSinceMs: NOW_MS - 21 * DAY_MS }];
    const found = collection(holdings({ holders }), { keepDays: 14 });
    expect(told(found)).toMatchObject({ records: ["b"], blobs: [] });
  });

  test("of a blob whose age is not known nothing is said", () => {
    const blobs = holdings().blobs.map(({ digest, bytes }) => ({ digest, bytes }));
    expect(collection(holdings({ blobs }), { keepDays: 0 }).blobs).toEqual([]);
  });
});
