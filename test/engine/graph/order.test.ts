import { describe, expect, it } from "vitest";
import { criticalPath } from "../../../src/engine/graph/critical-path.ts";
import { findCycles } from "../../../src/engine/graph/cycles.ts";
import { topologicalOrder } from "../../../src/engine/graph/order.ts";
import { reachable } from "../../../src/engine/graph/reachable.ts";

/** `{ b: ["a"] }`: b needs a. */
const graph = (needs: Record<string, string[]>) =>
  Object.entries(needs).map(([id, list]) => ({ id, needs: list }));
const ids = (nodes: { id: string }[] | undefined) => nodes?.map((node) => node.id).join(" ");

//   a ─▶ b ─▶ d
//   └──▶ c ──▶┘
const diamond = graph({ d: ["b", "c"], c: ["a"], b: ["a"], a: [] });

describe("topologicalOrder", () => {
  it("leaves nodes as they stand where it can", () => {
    expect(ids(topologicalOrder(graph({ a: [], b: [], c: ["a"], d: [] })))).toBe("a b c d");
  });

  it("moves up what is needed earlier, to just before it is needed", () => {
    expect(ids(topologicalOrder(diamond))).toBe("a b c d");
    expect(ids(topologicalOrder(graph({ x: [], a: ["z"], b: [], z: [] })))).toBe("x z a b");
  });

  it("passes over needs that are not there, and knows circles", () => {
    expect(ids(topologicalOrder(graph({ a: ["gone"] })))).toBe("a");
    expect(topologicalOrder(graph({ a: ["b"], b: ["a"] }))).toBeUndefined();
  });
});

describe("findCycles", () => {
  //   a ─▶ b ─▶ c ─▶ d ─▶ a, and the short way c ─▶ a;   e ─▶ e;   f ─▶ a
  it("gives one shortest circle of every knot, from its first node", () => {
    const nodes = graph({ f: ["a"], e: ["e"], a: ["b"], b: ["c"], c: ["d", "a"], d: ["a"] });
    expect(findCycles(nodes)).toEqual([["e"], ["a", "b", "c"]]);
    expect(findCycles(diamond)).toEqual([]);
  });
});

describe("criticalPath", () => {
  it("is the heaviest way through", () => {
    const seconds: Record<string, number> = { a: 1, b: 5, c: 2, d: 1 };
    const { length, path } = criticalPath(topologicalOrder(diamond)!, ({ id }) => seconds[id]!);
    expect([length, ids(path)]).toEqual([7, "a b d"]);
    expect(criticalPath([], () => 1)).toEqual({ length: 0, path: [] });
  });
});

describe("reachable", () => {
  it("is a node and everything above it", () => {
    expect([...reachable(diamond, ["b"])].sort()).toEqual(["a", "b"]);
    expect(reachable(diamond, []).size).toBe(0);
  });
});
