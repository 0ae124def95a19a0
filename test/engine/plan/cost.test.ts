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
  const { nodes, summary } = await withCost(planned, store.records);
  expect(summary).toMatchObject({ estimateSeconds: 16, unknownSteps: 1 });
  expect(nodes.filter(({ critical }) => critical).map(({ id }) => id)).toEqual(["a", "b", "d"]);
  expect(nodes.map(({ lastSeconds }) => lastSeconds)).toEqual([1, 5, 2, 10, undefined]);
});

it("costs nothing where everything is there", async () => {
  const { store, run, plan } = bench();
  await run(before);
  const { nodes, summary } = await withCost(await plan(before), store.records);
  expect(summary).toMatchObject({ estimateSeconds: 0, unknownSteps: 0 });
  expect(nodes.some(({ critical }) => critical)).toBe(false);
});
