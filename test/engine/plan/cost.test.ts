import { expect, it } from "vitest";
import { withCost } from "../../../src/engine/plan/cost.ts";
import { bench, graphOf } from "../bench.ts";

//  a ─▶ b ─▶ d
//  └──▶ c ───┘      new
const before = graphOf({ a: ["=1"], b: ["a", "=b"], c: ["a", "=c"], d: ["b", "c"] });
const now = graphOf({ a: ["=2"], b: ["a", "=b"], c: ["a", "=c"], d: ["b", "c"], e: ["=new"] }, ["d", "e"]);

it("knows from past runs how long steps take whose inputs are pending, and marks the longest path", async () => {
  const { store, run, plan } = bench();
  await run(before);
  const seconds: Record<string, number> = { a: 1, b: 5, c: 2, d: 10 };
  for (const record of store.contents.records.values()) record.seconds = seconds[record.node]!;
  const planned = await plan(now);
  expect(planned.summary).toMatchObject({ miss: 2, pending: 3 });
  const { nodes, summary } = await withCost(planned, { store });
  expect(summary).toMatchObject({ estimateSeconds: 16, unknownSteps: 1 });
  expect(nodes.filter(({ critical }) => critical).map(({ id }) => id)).toEqual(["a", "b", "d"]);
  expect(nodes.map(({ lastSeconds }) => lastSeconds)).toEqual([1, 5, 2, 10, undefined]);
});

it("costs nothing where everything is there", async () => {
  const { store, run, plan } = bench();
  await run(before);
  const { nodes, summary } = await withCost(await plan(before), { store });
  expect(summary).toMatchObject({ estimateSeconds: 0, unknownSteps: 0 });
  expect(nodes.some(({ critical }) => critical)).toBe(false);
});

it("knows from past runs what steps store, and of one that was never measured that it does not know", async () => {
  const { store, run, plan } = bench();
  await run(before);
  const added: Record<string, number> = { a: 100, b: 0, c: 7 };
  for (const record of store.contents.records.values()) {
    const known = added[record.node];
    if (known === undefined) delete record.addedBytes;
    else record.addedBytes = known;
  }
  const { nodes, summary } = await withCost(await plan(now), { store });
  expect(nodes.map(({ lastAddedBytes }) => lastAddedBytes)).toEqual([100, 0, 7, undefined, undefined]);
  expect(summary).toMatchObject({ bytesToStore: 107, unmeasuredSteps: 2 });
});

//  a ─▶ t ─▶ b
//  └──▶ c ─▶ d
const shared = (word: string) =>
  graphOf({ a: [], t: ["a"], b: ["t", `=${word}`], c: ["a"], d: ["c", `=${word}`] }, ["b", "d"]);

it("tells what steps to build read that is not here, also through resources, each artifact once", async () => {
  const { store, run, plan } = bench();
  const record = await run(shared("1"));
  const { elsewhere } = store.contents;
  elsewhere.set(record.nodes.a!.outputs!.value!.digest, 1000);
  elsewhere.set(record.nodes.c!.outputs!.value!.digest, 30);
  const cost = async (word: string, force: string[] = []) => {
    const { nodes, summary } = await withCost(await plan(shared(word), { force }), { store });
    return [nodes.map(({ bytesToFetch }) => bytesToFetch), summary.bytesToFetch];
  };
  expect(await cost("1")).toEqual([[undefined, undefined, undefined, undefined, undefined], 0]);
  expect(await cost("2")).toEqual([[undefined, undefined, 1000, undefined, 30], 1030]);
  // d reads what c will make here.
  expect(await cost("2", ["c"])).toEqual([[undefined, undefined, 1000, 1000, 0], 1000]);
});

it("says that it does not know where the remote cannot tell", async () => {
  const { store, run, plan } = bench();
  await run(before);
  store.bytesToFetch = async () => undefined;
  const { nodes, summary } = await withCost(await plan(before, { force: ["b"] }), { store });
  expect(nodes.map(({ bytesToFetch }) => bytesToFetch)).toEqual([undefined, null, undefined, null]);
  expect(summary.bytesToFetch).toBeNull();
});
