import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import type { RunRecord } from "../../src/engine/run/record.ts";
import { openStore } from "../../src/store/store.ts";
import { scratchFolder } from "./scratch.ts";

const started = { template: "python", at: "2026-01-01T00:00:00.000Z" };

function record(run: string, ok: boolean): RunRecord {
  return {
    schema: "tplgraph.result/1",
    run,
    ok,
    template: { name: "python", file: "python.yaml", params: {} },
    startedAt: started.at,
    seconds: 1,
    counts: { hit: 0, built: 1, failed: 0, cancelled: 0, skipped: 0 },
    nodes: {},
    outputs: {},
    refs: [],
    cleanup: { released: 0, failed: [] },
  };
}

describe("runs", () => {
  test("are listed latest first, with how they ended", async () => {
    const { runs } = await openStore({ path: scratchFolder() });
    for (const run of ["r1", "r2", "r3"]) await runs.start(run, started);
    await runs.finish(record("r1", true));
    await runs.finish(record("r2", false));
    const listed = await runs.list();
    expect(listed.map(({ run, state }) => [run, state])).toEqual([
      ["r3", "unfinished"],
      ["r2", "failed"],
      ["r1", "ok"],
    ]);
    expect(listed[2]).toEqual({ run: "r1", ...started, state: "ok", record: record("r1", true) });
    expect(await runs.get("r3")).toEqual({ run: "r3", ...started, state: "unfinished" });
  });

  test("that were told to end are interrupted, unless a step had failed", async () => {
    const { runs } = await openStore({ path: scratchFolder() });
    const told = record("r1", false);
    told.counts = { hit: 1, built: 0, failed: 0, cancelled: 2, skipped: 1 };
    const failed = record("r2", false);
    failed.counts = { ...told.counts, failed: 1 };
    for (const run of [told, failed]) await runs.finish(run);
    expect((await runs.list()).map(({ state }) => state)).toEqual(["failed", "interrupted"]);
  });

  test("that never were, or cannot be, are undefined", async () => {
    const { runs } = await openStore({ path: scratchFolder() });
    expect(await runs.get("r1")).toBeUndefined();
    expect(await runs.get("../refs")).toBeUndefined();
    expect(await runs.logs("../refs")).toEqual([]);
    expect(await runs.list()).toEqual([]);
  });

  test("keep a log for each node, whatever its name", async () => {
    const { runs } = await openStore({ path: scratchFolder() });
    const nodes = ["disk", "base/disk", "a.b", "..", "../../up", "ü", "long/".repeat(100)];
    await runs.start("r1", started);
    for (const node of nodes) {
      runs.log("r1", node, `first of ${node}`);
      runs.log("r1", node, "second");
    }
    await runs.finish(record("r1", true));
    for (const node of nodes)
      expect(readFileSync(runs.logPath("r1", node), "utf8")).toBe(`first of ${node}\nsecond\n`);
    const logs = await runs.logs("r1");
    expect(logs).toHaveLength(nodes.length);
    expect(logs.map(({ node }) => node)).toEqual(expect.arrayContaining(nodes.slice(0, -1)));
  });

  test("write their lines within 250 ms, before they end", async () => {
    vi.useFakeTimers();
    try {
      const { runs } = await openStore({ path: scratchFolder() });
      await runs.start("r1", started);
      runs.log("r1", "disk", "a line");
      vi.advanceTimersByTime(250);
      expect(readFileSync(runs.logPath("r1", "disk"), "utf8")).toBe("a line\n");
    } finally {
      vi.useRealTimers();
    }
  });

  test("tell at their end that a log could not be written, and have their record all the same", async () => {
    const { runs } = await openStore({ path: scratchFolder() });
    runs.log("r1", "disk", "to a folder that was never made");
    await expect(runs.finish(record("r1", true))).rejects.toMatchObject({ code: "ENOENT" });
    expect((await runs.get("r1"))?.state).toBe("ok");
  });

  test("whose record a power cut emptied count as unfinished", async () => {
    const path = scratchFolder();
    const { runs } = await openStore({ path });
    await runs.start("r1", started);
    writeFileSync(`${path}/runs/r1/record.json`, "");
    expect((await runs.get("r1"))?.state).toBe("unfinished");
  });
});
