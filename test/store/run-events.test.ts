import { appendFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { RunEvent } from "../../src/engine/run/event.ts";
import { openStore } from "../../src/store/store.ts";
import { at, graphOf, planOf, recordOf } from "../views/fixtures.ts";
import { scratchFolder } from "./scratch.ts";

//  a (cached) ─▶ b
const plan = planOf(graphOf({ a: [], b: ["a"] }), { b: { fate: "miss" } });
const begin = at(0, { type: "run-started", run: "r1", plan });
const progress = (second: number) =>
  at(second, { type: "node-progress", node: "b", done: second, total: 9, unit: "bytes" });

async function kept(...events: RunEvent[]) {
  const path = scratchFolder();
  const store = await openStore({ path });
  await store.runs.start("r1", { template: "lab", at: begin.at });
  for (const event of events) store.runs.event("r1", event);
  await store.runs.close();
  return { path, store };
}

test("are kept with the plan, but for what the logs and the plan tell already", async () => {
  const { store } = await kept(
    begin,
    at(1, { type: "node-finished", node: "a", status: "hit", seconds: 0 }),
    at(1, { type: "node-started", node: "b", uses: "lab/b" }),
    at(1, { type: "tool-started", node: "b", call: 0, command: ["mkfs", "a b"] }),
    at(2, { type: "node-log", node: "b", stream: "step", line: "hello" }),
    at(3, { type: "node-finished", node: "b", status: "hit", seconds: 2 }),
  );
  const found = await store.runs.events("r1");
  expect(found?.events.map(({ event }) => event.type)).toEqual([
    "run-started",
    "node-started",
    "tool-started",
    "node-finished",
  ]);
  expect(found?.events[0]?.event).toEqual(begin);
});

test("of progress are thinned to two a second", async () => {
  const { store } = await kept(begin, ...[1, 1.1, 1.2, 1.6, 2].map(progress));
  const events = (await store.runs.events("r1"))!.events.map(({ event }) => event);
  expect(events.flatMap((event) => (event.type === "node-progress" ? event.done : []))).toEqual([1, 1.6]);
});

test("can be read on from where a reading ended, never half a line", async () => {
  const { path, store } = await kept(begin);
  const first = (await store.runs.events("r1"))!;
  const line = JSON.stringify(progress(1));
  appendFileSync(`${path}/runs/r1/events.jsonl`, line.slice(0, 20));
  expect(await store.runs.events("r1", { from: first.end })).toEqual({ events: [], end: first.end });
  appendFileSync(`${path}/runs/r1/events.jsonl`, `${line.slice(20)}\n`);
  const second = (await store.runs.events("r1", { from: first.end }))!;
  expect(second.events.map(({ event }) => event)).toEqual([progress(1)]);
  expect(second.events[0]!.end).toBe(second.end);
});

test("are undefined where there are none", async () => {
  const { store } = await kept();
  await store.runs.finish(recordOf({ run: "r1" }));
  expect(await store.runs.events("r1")).toBeUndefined();
  expect(await store.runs.events("../r1")).toBeUndefined();
});
