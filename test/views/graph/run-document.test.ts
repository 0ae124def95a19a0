import { expect, it } from "vitest";
import type { RunEvent } from "../../../src/engine/run/event.ts";
import { differences } from "../../../src/views/graph/differences.ts";
import { planDocumentOf } from "../../../src/views/graph/document.ts";
import {
  applyRunEvent,
  concluded,
  nodesById,
  recordDocument,
  runDocument,
} from "../../../src/views/graph/run-document.ts";
import { at, graphOf, planOf, recordOf } from "../fixtures.ts";

//  a (cached) ─▶ tree! ─▶ b ─▶ c
const graph = graphOf({ a: [], "tree!": ["a"], b: ["tree!"], c: ["b"] });
const plan = planOf(graph, {
  "tree!": { fate: "miss" },
  b: { fate: "miss", lastSeconds: 7 },
  c: { fate: "pending" },
});
const begin = at(0, { type: "run-started", run: "r1", plan }) as RunEvent & { type: "run-started" };

function after(...events: RunEvent[]) {
  const document = runDocument(begin);
  const nodes = nodesById(document);
  for (const event of events) applyRunEvent(document, nodes, event);
  return { document, node: (id: string) => nodes.get(id)! };
}

it("begins with what waits, and forgets how long it took the last time", () => {
  const { node } = after();
  expect(["a", "tree!", "b", "c"].map((id) => node(id).state)).toEqual([
    "hit",
    "waiting",
    "waiting",
    "waiting",
  ]);
  expect(node("b").seconds).toBeUndefined();
});

it("follows a step: where it runs, its progress, its tools, its end", () => {
  const started = new Date(2000).toISOString();
  const { node, document } = after(
    at(3, { type: "node-started", node: "b", uses: "lab/b", readyAt: begin.at, startedAt: started, job: 1 }),
    at(4, { type: "node-progress", node: "b", done: 1, total: 4, unit: "bytes" }),
    at(4, { type: "tool-started", node: "b", call: 3, command: ["mkfs"] }),
    at(5, { type: "tool-finished", node: "b", call: 3, exitCode: 1, seconds: 1 }),
  );
  expect(node("b")).toMatchObject({ state: "running", job: 1, startedAt: started, progress: { done: 1 } });
  expect(node("b").tools).toEqual([{ call: 3, command: ["mkfs"], exitCode: 1, seconds: 1 }]);
  expect(document.run).toMatchObject({ state: "unfinished", seconds: 5 });
});

it("ends failed, with the error but no stack, and with the path that decided how long it took", () => {
  const error = { code: "bad", message: "no", stack: "at /somewhere" };
  const counts = { hit: 1, built: 0, failed: 1, cancelled: 0, skipped: 1 };
  const { node, document } = after(
    at(1, { type: "node-finished", node: "b", status: "failed", seconds: 2, error }),
    at(3, { type: "run-finished", run: "r1", ok: false, counts, seconds: 3 }),
  );
  expect(node("b")).toMatchObject({ state: "failed", error: { code: "bad", message: "no" } });
  expect(JSON.stringify(document)).not.toContain("/somewhere");
  expect(document.run).toMatchObject({ state: "failed", counts, seconds: 3 });
  expect(document.critical.nodes).toEqual(["b"]);
});

it("tells how long a resource was held", () => {
  const { node } = after(
    at(1, { type: "node-finished", node: "tree!", status: "built", seconds: 1 }),
    at(6, { type: "resource-released", node: "tree!", acquisition: { kind: "folder", path: "/x" } }),
    at(7, { type: "resource-released", node: "tree!" }),
  );
  expect(node("tree!").releasedAt).toBe(new Date(7000).toISOString());
});

it("is drawn from the record alone where no events were kept", () => {
  const record = recordOf({ nodes: { a: { status: "hit", key: "k", seconds: 0 } } });
  const document = recordDocument(graph, record);
  expect(document.nodes.map(({ state }) => state)).toEqual(["hit", "unneeded", "unneeded", "unneeded"]);
  expect(document.run).toMatchObject({ state: "ok", seconds: 72 });
});

it("is compared with its plan: what became of each step, what came and went", () => {
  const { document } = after(at(1, { type: "node-finished", node: "b", status: "built", seconds: 2 }));
  const run = concluded(document, recordOf({ nodes: { b: { status: "built", key: "new", seconds: 2 } } }));
  run.nodes.splice(3, 1);
  const planned = planDocumentOf(planOf(graph, { b: { fate: "miss", key: "old" } }));
  planned.nodes.splice(1, 1);
  expect(differences(planned, run)).toEqual([
    { node: "tree!", kind: "added", parts: [] },
    {
      node: "b",
      kind: "changed",
      parts: [
        { what: "state", from: "to build", to: "built" },
        { what: "key", from: "old", to: "new" },
      ],
    },
    { node: "c", kind: "removed", parts: [] },
  ]);
});
