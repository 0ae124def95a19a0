import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { TplError } from "../../../src/engine/errors.ts";
import type { CacheRecord } from "../../../src/engine/run/record.ts";
import { digestOf } from "../../../src/store/blobs/digest.ts";
import { hostBlobs } from "../../../src/store/blobs/host-blobs.ts";
import { memoryBlobs } from "../../../src/store/blobs/memory.ts";
import { storeUnreachable } from "../../../src/store/objects/errors.ts";
import { memoryObjects } from "../../../src/store/objects/memory.ts";
import type { PartsOf } from "../../../src/store/presence.ts";
import { withBreaker } from "../../../src/store/remote/breaker.ts";
import type { PendingUpload } from "../../../src/store/remote/pending.ts";
import { tieredBlobs } from "../../../src/store/remote/tiered.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import { testBlobStore } from "../../../src/testing/blobs.ts";
import { scratchFolder } from "../scratch.ts";

testBlobStore("a store before a remote", async () => {
  const local = memoryBlobs();
  return {
    blobs: tieredBlobs({ local, remote: async () => memoryBlobs(), uses: "kept" }),
    damage: (digest, data) => void local.content.set(digest, Buffer.from(data)),
  };
});

const data = randomBytes(5000);
const digest = digestOf(data);

describe("what is not here", () => {
  test("is read from the remote once, and kept", async () => {
    const [local, remote] = [memoryBlobs(), memoryBlobs()];
    await remote.put(digest, data);
    const blobs = tieredBlobs({ local, remote: async () => remote, uses: "ignored" });
    expect(await blobs.has(digest)).toBe(true);
    expect(data.equals(await blobs.get(digest))).toBe(true);
    remote.content.clear();
    expect(data.equals(await blobs.get(digest))).toBe(true);
  });

  test("and damaged here, is mended from the remote", async () => {
    const [local, remote] = [memoryBlobs(), memoryBlobs()];
    await remote.put(digest, data);
    local.content.set(digest, Buffer.from("damaged"));
    const blobs = tieredBlobs({ local, remote: async () => remote, uses: "ignored" });
    expect(data.equals(await blobs.get(digest))).toBe(true);
    expect(data.equals(await local.get(digest))).toBe(true);
  });

  test.for(["store-unreachable", "store-refused", "store-newer"])(
    "is store-unreachable when the remote says %s",
    async (code) => {
      const remote = async () => {
        throw new TplError({ code, message: "no" });
      };
      const blobs = tieredBlobs({ local: memoryBlobs(), remote, uses: "ignored" });
      await expect(blobs.get(digest)).rejects.toMatchObject({ code: "store-unreachable", message: "no" });
      await expect(blobs.has(digest)).rejects.toMatchObject({ code: "store-unreachable" });
    },
  );
});

test("a remote that failed is left alone three times as long as that took, from a second to half a minute", async () => {
  let nowMs = 0;
  let asked = 0;
  let failsAfterMs = 0;
  const objects = memoryObjects();
  const get: typeof objects.get = async () => {
    asked++;
    nowMs += failsAfterMs;
    throw storeUnreachable("memory:", "away");
  };
  const guarded = withBreaker({ ...objects, get }, { now: () => nowMs });
  const restAfter = async (ms: number) => {
    failsAfterMs = ms;
    const before = asked;
    await expect(guarded.get("a")).rejects.toThrow("away");
    expect(asked).toBe(before + 1);
    const failedMs = nowMs;
    for (; asked === before + 1; nowMs += 250) {
      await expect(guarded.put("a", data).then(() => guarded.get("a"))).rejects.toThrow("away");
      if (nowMs - failedMs > 100_000) throw new Error("it is never asked again");
    }
    const restedMs = nowMs - 250 - failsAfterMs - failedMs;
    nowMs += 100_000;
    return restedMs;
  };
  expect(await restAfter(0)).toBe(1000);
  expect(await restAfter(1000)).toBe(3000);
  expect(await restAfter(60_000)).toBe(30_000);
});

async function upload({ sharing }: Store, pending: PendingUpload): Promise<void> {
  await sharing!.push(await sharing!.shipmentOf(pending));
}

describe("two stores and a folder between them", () => {
  async function two() {
    const folder = scratchFolder();
    const shared = { remote: { url: join(folder, "remote") }, records: "remote" as const };
    const open = async (
      name: string,
      { parts, ...more }: { cacheMaxBytes?: number; parts?: PartsOf } = {},
    ): Promise<Store> => {
      const options = { path: join(folder, name), shared: { ...shared, ...more }, ...(parts && { parts }) };
      const store = await openStore(options);
      onTestFinished(() => store.close());
      return store;
    };
    const first = await open("first");
    const artifact = { type: "file", digest: await first.putBlob(data), bytes: data.length } as const;
    const record: CacheRecord = {
      schema: "tplgraph.record/1",
      ...{ key: "ab".repeat(32), preimage: {}, outputs: { file: artifact } },
      ...{ seconds: 1, run: "r1", node: "made", host: "here", at: "2026-01-01T00:00:00.000Z" },
    };
    await first.records.put(record);
    await first.refs.set("made:latest", { outputs: { file: artifact }, run: "r1" });
    return { first, open, artifact, record, shared, folder };
  }

  test("what one uploads the other finds: record, name, content", async () => {
    const { first, open, artifact, record } = await two();
    await upload(first, { run: "r1", keys: [record.key, "gone"], refs: ["made:latest"] });
    const second = await open("second");
    expect(await second.records.get(record.key)).toEqual(record);
    expect(await second.resolveRef("made")).toEqual(artifact);
    expect(await second.resolveRef(artifact.digest)).toEqual(artifact);
    expect(await second.has(artifact)).toBe("present");
    expect(data.equals(await second.readBlob(artifact.digest))).toBe(true);
    await expect(second.resolveRef("mode")).rejects.toMatchObject({
      hint: expect.stringContaining("made:latest"),
    });
  });

  test("the disk host, told by plain data, reads the same", async () => {
    const { first, artifact, record, shared, folder } = await two();
    await upload(first, { run: "r1", keys: [record.key], refs: [] });
    const blobs = hostBlobs(join(folder, "host"), { ...shared, records: "sqlite" });
    expect(data.equals(await blobs.get(artifact.digest))).toBe(true);
  });

  test("a bound is kept with what the remote has, and nothing else", async () => {
    const { first, open, artifact, record } = await two();
    await upload(first, { run: "r1", keys: [record.key], refs: [] });
    const second = await open("second", { cacheMaxBytes: 1000 });
    const own = await second.putBlob(randomBytes(3000));
    await second.readBlob(artifact.digest);
    expect(await second.sharing!.trim()).toEqual({ blobs: 1, bytes: data.length });
    const here: string[] = [];
    for await (const blob of second.blobs.list()) here.push(blob.digest);
    expect(here).toEqual([own]);
    expect(data.equals(await second.readBlob(artifact.digest))).toBe(true);
  });

  test("garbage collection fetches nothing, and needs no remote that answers", async () => {
    const { first, open, artifact, record } = await two();
    await upload(first, { run: "r1", keys: [record.key], refs: [] });
    const parts: PartsOf = async ({ digest }, blobs) => [digestOf(await blobs.get(digest))];
    const second = await open("second", { parts });
    await second.records.put(record);
    const limits = { keepDays: 100_000, liveRuns: async () => [], holders: async () => [] };
    const report = await second.collectGarbage(limits);
    expect(report).toMatchObject({ records: [], kept: { blobs: 0 } });
    for await (const blob of second.blobs.list()) expect.unreachable(`${blob.digest} was fetched`);
    expect(await second.has(artifact, { depth: "all" })).toBe("present");
  });

  test("what is to be uploaded is remembered", async () => {
    const { first, open } = await two();
    first.sharing!.pending.add({ run: "r2", keys: ["b"], refs: [] });
    first.sharing!.pending.add({ run: "r1", keys: ["a"], refs: ["x:y"] });
    const again = (await open("first")).sharing!.pending;
    expect(again.list().map(({ run }) => run)).toEqual(["r1", "r2"]);
    again.remove("r1");
    expect(again.list()).toEqual([{ run: "r2", keys: ["b"], refs: [] }]);
  });
});
