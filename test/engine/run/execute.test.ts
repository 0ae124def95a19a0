import { describe, expect, it } from "vitest";
import { ArtifactDamaged, TplError } from "../../../src/engine/errors.ts";
import { bench, data, fates, graphOf, statuses } from "../bench.ts";

describe("uploading", () => {
  const graph = graphOf({ a: ["=1"], b: ["a"] });
  const outcome = { remote: "s3://b", ok: false, blobs: 0, bytes: 0, records: 0 };

  it("comes after the build is kept, and what became of it stands in the record and the last event", async () => {
    const b = bench();
    let kept: unknown;
    const record = await b.run(graph, {
      async upload(_, onProgress) {
        kept = b.store.contents.runs.at(-1);
        onProgress({ done: 1, total: 2, bytes: 3 });
        return outcome;
      },
    });
    expect(record).toMatchObject({ ok: true, upload: outcome });
    expect(kept).toEqual({ ...record, upload: undefined });
    expect(b.store.contents.runs.at(-1)).toEqual(record);
    expect(b.events.slice(-2)).toMatchObject([
      { type: "upload-progress", done: 1, total: 2, bytes: 3 },
      { type: "run-finished", ok: true, upload: outcome },
    ]);
  });

  it("is not asked for by a build that failed, and leaves no trace where nothing was to do", async () => {
    const b = bench();
    let asked = 0;
    const upload = async () => void asked++ as undefined;
    expect(await b.run(graph, { upload })).not.toHaveProperty("upload");
    b.behave.set("b", async () => {
      throw new TplError({ code: "broken", message: "broken" });
    });
    await b.run(graphOf({ a: ["=1"], b: ["a", "=2"] }), { upload });
    expect(asked).toBe(1);
  });
});

describe("caching", () => {
  //  a ─▶ b ─▶ c
  const chain = (value: string) => graphOf({ a: [`=${value}`], b: ["a"], c: ["b"] });

  it("builds everything once, then nothing", async () => {
    const b = bench();
    expect(statuses(await b.run(chain("1")))).toEqual({ a: "built", b: "built", c: "built" });
    b.log.length = 0;
    const again = await b.run(chain("1"));
    expect(statuses(again)).toEqual({ a: "hit", b: "hit", c: "hit" });
    expect(b.log).toEqual([]);
    expect(again.ok).toBe(true);
  });

  it("plans what follows a change as pending, and cuts off early when the bytes come out the same", async () => {
    const b = bench();
    b.behave.set("a", async () => "always the same");
    await b.run(chain("1"));
    const plan = await b.plan(chain("2"));
    expect(fates(plan)).toEqual({ a: "miss", b: "pending", c: "pending" });
    expect(plan.nodes[0]!.reason).toEqual({
      code: "params-changed",
      changed: [{ path: "with.value", from: "1", to: "2" }],
    });
    expect(statuses(await b.run(chain("2")))).toEqual({ a: "built", b: "hit", c: "hit" });
  });

  it("goes back to hits when a parameter goes back", async () => {
    const b = bench();
    await b.run(chain("1"));
    await b.run(chain("2"));
    expect(statuses(await b.run(chain("1")))).toEqual({ a: "hit", b: "hit", c: "hit" });
  });

  it("forces one node and keeps the rest when its bytes do not change", async () => {
    const b = bench();
    await b.run(chain("1"));
    expect(statuses(await b.run(chain("1"), { force: ["b"] }))).toEqual({ a: "hit", b: "built", c: "hit" });
  });

  it("counts by how much the store has grown, and nothing for what it had", async () => {
    const b = bench();
    b.manifests.set("a", "some bytes");
    b.manifests.set("b", "some bytes");
    const size = JSON.stringify("some bytes").length;
    const graph = graphOf({ a: ["=1"], b: ["a"], c: ["b"] });
    const record = await b.run(graph, { jobs: 1 });
    expect(Object.values(record.nodes).map(({ addedBytes }) => addedBytes)).toEqual([size, 0, 0]);
    expect(record.addedBytes).toBe(size);
    expect(b.events.at(-1)).toMatchObject({ type: "run-finished", addedBytes: size });
    expect((await b.store.records.get(record.nodes.a!.key!))?.addedBytes).toBe(size);
    const again = await b.run(graph);
    expect(again.addedBytes).toBe(0);
    expect(again.nodes.a!.addedBytes).toBeUndefined();
    const forced = await b.run(graph, { force: ["a"] });
    expect(forced.nodes.a!.addedBytes).toBe(0);
    expect((await b.store.records.get(record.nodes.a!.key!))?.addedBytes).toBe(size);
  });

  it("builds again what the store lost, but only when somebody needs the bytes", async () => {
    const b = bench();
    const first = await b.run(chain("1"));
    b.store.contents.missing.add(first.nodes.b!.outputs!.value!.digest);
    expect(fates(await b.plan(chain("1")))).toEqual({ a: "hit", b: "hit", c: "hit" });
    b.store.contents.missing.add(first.nodes.c!.outputs!.value!.digest);
    const plan = await b.plan(chain("1"));
    expect(fates(plan)).toEqual({ a: "hit", b: "miss", c: "pending" });
    expect(plan.nodes[1]!.reason!.code).toBe("evicted");
  });

  it("disowns everything under another salt", async () => {
    const b = bench();
    await b.run(chain("1"));
    expect(fates(await b.plan(chain("1"), { salt: "x" })).a).toBe("miss");
  });

  it("runs a step with what its key was computed with, also when a name has moved meanwhile", async () => {
    const b = bench();
    let moves = 0;
    b.store.resolveRef = async () => data(`content ${moves++}`);
    const graph = graphOf({ a: [] });
    const where = { file: "test.yaml", line: 1, column: 1 };
    graph.nodes[0]!.inputs.a = { from: "ref", ref: "base", type: "data", where };
    const { key, outputs } = (await b.run(graph)).nodes.a!;
    const preimage = b.store.contents.records.get(key!)!.preimage as { inputs: { a: string } };
    expect(outputs!.value).toMatchObject({ value: expect.stringContaining(preimage.inputs.a) });
  });

  it("builds a damaged input again and goes on", async () => {
    const b = bench();
    const first = await b.run(chain("1"));
    const digest = first.nodes.a!.outputs!.value!.digest;
    let tries = 0;
    b.behave.set("b", async () => {
      if (tries++ > 0) return "fine";
      throw new ArtifactDamaged({ code: "blob-corrupt", message: "damaged", digest });
    });
    b.log.length = 0;
    const record = await b.run(chain("1"), { force: ["b"] });
    expect(record.ok).toBe(true);
    expect(b.log.filter((line) => line.startsWith("run"))).toEqual(["run b", "run a", "run b", "run c"]);
    expect(record.nodes.a!.status).toBe("built");
  });
});

describe("resources", () => {
  //  a ─▶ t1 ─▶ b ─▶ c
  //         └───────▶ d
  const graph = (c = "1") =>
    graphOf({ a: [], t1: ["a"], b: ["t1"], c: ["b", `=${c}`], d: ["t1", "=d"] }, ["c", "d"]);

  it("acquires once, shares, and releases after the last consumer", async () => {
    const b = bench();
    await b.run(graph(), { jobs: 1 });
    expect(b.log.filter((line) => line.includes("t1") || line === "run b" || line === "run d")).toEqual([
      "acquire t1",
      "run b",
      "run d",
      "release t1",
    ]);
  });

  it("acquires nothing when no consumer runs", async () => {
    const b = bench();
    await b.run(graph());
    b.log.length = 0;
    const plan = await b.plan(graph("2"));
    expect(fates(plan)).toEqual({ a: "hit", t1: "unneeded", b: "hit", c: "miss", d: "hit" });
    await b.run(graph("2"));
    expect(b.log).toEqual(["run c", "close c", "services closed"]);
  });

  it("releases in reverse topological order, each node's hooks first", async () => {
    //  t1 ─▶ t2 ─▶ b
    const b = bench();
    await b.run(graphOf({ t1: [], t2: ["t1"], b: ["t2"] }));
    expect(b.log).toEqual([
      "acquire t1",
      "acquire t2",
      "run b",
      "close b",
      "release t2",
      "release t1",
      "services closed",
    ]);
  });

  it("says which resource failed, and skips its consumers", async () => {
    const b = bench();
    b.behave.set("t1", async () => {
      throw new TplError({ code: "no-device", message: "no device" });
    });
    const record = await b.run(graphOf({ t1: [], b: ["t1"] }));
    expect(statuses(record)).toEqual({ t1: "failed", b: "skipped" });
    expect(record.nodes.t1!.error!.code).toBe("no-device");
    expect(b.log).toEqual(["acquire t1", "release t1", "services closed"]);
  });
});

describe("failing and cancelling", () => {
  it("cancels siblings, skips what follows, and still cleans up", async () => {
    const b = bench();
    const sibling = Promise.withResolvers<string>();
    b.behave.set("a", async () => {
      await sibling.promise;
      throw new TplError({ code: "boom", message: "boom" });
    });
    b.behave.set("b", (signal) => {
      sibling.resolve("");
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const record = await b.run(graphOf({ a: [], b: [], c: ["a", "b"] }), { jobs: 2 });
    expect(statuses(record)).toEqual({ a: "failed", b: "cancelled", c: "skipped" });
    expect(record.ok).toBe(false);
    expect(b.log).toContain("close a");
    expect(b.log).toContain("close b");
    expect(b.store.contents.records.size).toBe(0);
  });

  it("an interrupted build is cancelled, not failed", async () => {
    const b = bench();
    const abort = new AbortController();
    b.behave.set("a", (signal) => {
      abort.abort();
      return Promise.reject(signal.reason);
    });
    const record = await b.run(graphOf({ t: [], a: ["t"], b: ["a"] }), { signal: abort.signal });
    expect(statuses(record)).toEqual({ a: "cancelled", b: "cancelled" });
    expect(b.log).toEqual(["acquire t", "run a", "close a", "release t", "services closed"]);
  });

  it("calls a step cancelled that fails after that in words of its own, and keeps these", async () => {
    const b = bench();
    const abort = new AbortController();
    b.behave.set("a", async () => {
      abort.abort();
      throw new Error("The operation was aborted");
    });
    const { a } = (await b.run(graphOf({ a: [] }), { signal: abort.signal })).nodes;
    expect(a).toMatchObject({ status: "cancelled", error: { message: "The operation was aborted" } });
  });

  it("calls a step failed that had failed before the build was interrupted", async () => {
    const b = bench();
    const abort = new AbortController();
    b.behave.set("a", () => Promise.reject(new TplError({ code: "boom", message: "boom" })));
    const onError = async () => abort.abort();
    const { a } = (await b.run(graphOf({ a: [] }), { signal: abort.signal, onError })).nodes;
    expect(a).toMatchObject({ status: "failed", error: { code: "boom" } });
  });

  it("begins no step when the build is interrupted while the services start, and closes these", async () => {
    const b = bench();
    const abort = new AbortController();
    const startServices = async () => {
      abort.abort();
      return b.services;
    };
    const record = await b.run(graphOf({ t: [], a: ["t"] }), { signal: abort.signal, startServices });
    expect(statuses(record)).toEqual({ a: "cancelled" });
    expect(b.log).toEqual(["services closed"]);
  });

  it("fails at once when the services die, with their cause, whatever the steps make of it", async () => {
    const b = bench();
    const death = Promise.withResolvers<Error>();
    b.services.died = death.promise;
    b.behave.set("a", (signal) => {
      death.resolve(new TplError({ code: "disk-host-died", message: "the disk host ended (SIGKILL)" }));
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("EIO"))));
    });
    const record = await b.run(graphOf({ a: [], b: ["a"] }));
    expect(statuses(record)).toEqual({ a: "failed", b: "skipped" });
    expect(record.nodes.a!.error!.code).toBe("disk-host-died");
  });

  it("keeps the first cause when cleanup fails too, and reports both", async () => {
    const b = bench();
    b.services.close = async () => [{ hook: "unmount", error: new Error("busy") }];
    b.behave.set("a", () => Promise.reject(new TplError({ code: "boom", message: "boom" })));
    const record = await b.run(graphOf({ a: [] }));
    expect(record.nodes.a!.error!.code).toBe("boom");
    expect(record.cleanup.failed.map((failure) => failure.hook)).toEqual(["unmount"]);
    expect(b.events.some((event) => event.type === "cleanup-failed")).toBe(true);
  });
});

it("runs as many at a time as jobs allow, and no more", async () => {
  const b = bench();
  let now = 0;
  let most = 0;
  for (const id of ["a", "b", "c", "d", "e"])
    b.behave.set(id, async () => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return id;
    });
  await b.run(graphOf({ a: [], b: [], c: [], d: [], e: [] }, ["a", "b", "c", "d", "e"]), { jobs: 3 });
  expect(most).toBe(3);
});

it("a chain of 20,000 nodes overflows nothing, built or cached", async () => {
  const nodes: Record<string, string[]> = { n0: [] };
  for (let i = 1; i < 20_000; i++) nodes[`n${i}`] = [`n${i - 1}`];
  const b = bench();
  for (let i = 0; i < 20_000; i++) b.behave.set(`n${i}`, async () => i);
  expect((await b.run(graphOf(nodes))).counts.built).toBe(20_000);
  expect((await b.run(graphOf(nodes))).counts.hit).toBe(20_000);
}, 120_000);

describe("where and when", () => {
  //  a, b, c: nothing between them, and two jobs
  it("tells of every node that ran when it could have begun, when it did, and on which job", async () => {
    const b = bench();
    let clock = 0;
    const now = () => clock++ * 1000;
    const record = await b.run(graphOf({ a: ["=1"], b: ["=2"], c: ["=3"] }, ["a", "b", "c"]), {
      jobs: 2,
      now,
    });
    const { nodes } = record;
    expect([nodes.a!.job, nodes.b!.job]).toEqual([0, 1]);
    expect([0, 1]).toContain(nodes.c!.job);
    const waited = ({ readyAt, startedAt }: (typeof nodes)[string]) =>
      Date.parse(startedAt!) - Date.parse(readyAt!);
    expect(waited(nodes.c!)).toBeGreaterThan(waited(nodes.a!));
    const started = b.events.filter((event) => event.type === "node-started");
    expect(started.find(({ node }) => node === "c")).toMatchObject({
      job: nodes.c!.job,
      startedAt: nodes.c!.startedAt,
    });
  });

  it("keeps the events of a run that builds something, and none of one that builds nothing", async () => {
    const b = bench();
    const graph = graphOf({ a: ["=1"], b: ["a"] });
    await b.run(graph);
    expect(b.store.contents.events.map(({ type }) => type)).toEqual(b.events.map(({ type }) => type));
    b.store.contents.events.length = 0;
    await b.run(graph);
    expect(b.store.contents.events).toEqual([]);
  });
});
