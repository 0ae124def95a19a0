import { beforeEach, describe, expect, it } from "vitest";
import type { Graph } from "../../../src/engine/graph/graph.ts";
import type { Plan } from "../../../src/engine/plan/plan.ts";
import { conditionsOf, isNews, type Remembered, toRemember } from "../../../src/engine/plan/remembered.ts";
import { type Bench, bench, data, fates, graphOf } from "../bench.ts";

//  a ─▶ b ─▶ d
//  c ────────▲
const graph = (value = "1") => graphOf({ a: [`=${value}`], b: ["a"], c: ["=2"], d: ["b", "c"] });

let b: Bench;
const options = (salt = "") => ({ store: b.store, types: b.types, now: () => 0, salt });
const remember = async (plan: Plan, of: Graph = graph()) =>
  toRemember(plan, (await conditionsOf(of, options()))!);

/** The plan with what is remembered, and for how many nodes it asked the store. */
async function replan(remembered: Remembered, more: Parameters<Bench["plan"]>[1] = {}, of = graph()) {
  b.store.contents.recordReads.length = 0;
  const plan = await b.plan(of, { remembered, ...more });
  return { plan, reads: b.store.contents.recordReads.length };
}

describe("what planning a graph found", () => {
  let remembered: Remembered;

  beforeEach(async () => {
    b = bench();
    await b.run(graph());
    remembered = (await remember(await b.plan(graph())))!;
  });

  it("is the next plan, without a question to the store", async () => {
    const { plan, reads } = await replan(remembered);
    expect(plan).toEqual(await b.plan(graph()));
    expect(reads).toBe(0);
  });

  it("is nothing as long as there is work to do", async () => {
    expect(await remember(await b.plan(graph("other")), graph("other"))).toBeUndefined();
  });

  it("holds no more after a record was removed", async () => {
    const [lost] = b.store.contents.records.keys();
    await b.store.records.remove(lost!);
    const { plan } = await replan(remembered);
    expect(fates(plan)).toEqual(fates(await b.plan(graph())));
    expect(plan.summary.miss).toBeGreaterThan(0);
  });

  it("holds no more after the same key was built again, maybe to other bytes", async () => {
    b.behave.set("b", async () => "now something else");
    await b.run(graph(), { force: ["b"] });
    const { plan } = await replan(remembered);
    expect(plan.nodes[1]!.outputs!.value).toEqual(data("now something else"));
  });

  it("holds no more under another salt", async () => {
    const { plan } = await replan(remembered, { salt: "x" });
    expect(fates(plan).a).toBe("miss");
  });

  it("does not keep a forced node, nor what stands on it, from being planned", async () => {
    const { plan } = await replan(remembered, { force: ["b"] });
    expect(fates(plan)).toEqual({ a: "hit", b: "miss", c: "hit", d: "pending" });
  });

  it("does not hide that the bytes of an output are gone", async () => {
    b.store.contents.missing.add(remembered.nodes[3]!.outputs!.value!.digest);
    const { plan } = await replan(remembered);
    expect(fates(plan).d).toBe("miss");
  });

  it("is news when it was not known, or when a key is another one", async () => {
    expect(isNews(remembered, undefined)).toBe(true);
    expect(isNews(remembered, structuredClone(remembered))).toBe(false);
    const other = structuredClone(remembered);
    other.nodes[0]!.key = "0".repeat(64);
    expect(isNews(remembered, other)).toBe(true);
  });
});

describe("a node that reads the world", () => {
  // The step type resolves a mutable input: it is evaluated each time, and what stands on it only when it moved.
  let world = "monday";

  beforeEach(async () => {
    b = bench();
    world = "monday";
    const found = (await b.types.get("t/step"))!;
    const type = { ...found.type, resolve: async () => ({ world }) };
    const get = b.types.get;
    b.types.get = async (uses) => (uses === "t/world" ? { ...found, type } : get(uses));
  });

  const worldly = () => {
    const made = graph();
    made.nodes[0]!.uses = "t/world";
    return made;
  };

  it("is evaluated each time, alone as long as it is what it was", async () => {
    await b.run(worldly());
    const remembered = (await remember(await b.plan(worldly()), worldly()))!;
    expect((await replan(remembered, {}, worldly())).reads).toBe(1);
    world = "tuesday";
    const { plan } = await replan(remembered, {}, worldly());
    expect(fates(plan)).toEqual({ a: "miss", b: "pending", c: "hit", d: "pending" });
  });
});
