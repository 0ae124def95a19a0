import { describe, expect, it } from "vitest";
import type { Artifact } from "../../../src/engine/artifact.ts";
import { ArtifactDamaged, TplError } from "../../../src/engine/errors.ts";
import type { RunRecord } from "../../../src/engine/run/record.ts";
import { type Bench, bench, graphOf, statuses } from "../bench.ts";

const outputOf = (record: RunRecord, node: string): Artifact => record.nodes[node]!.outputs!.value!;
const damaged = ({ digest }: Artifact) =>
  new ArtifactDamaged({ code: "blob-corrupt", message: `${digest} is damaged`, digest });
const ran = ({ log }: Bench) => log.filter((line) => /^(run|acquire|release) /.test(line));

/** Fails with `error` the first time, and gives `value` from then on. */
function once(error: Error, value: string): () => Promise<string> {
  let tries = 0;
  return async () => {
    if (tries++ === 0) throw error;
    return value;
  };
}

describe("what is damaged is made again", () => {
  //  a ─▶ t ─▶ b
  //       └──▶ c
  const shared = graphOf({ a: [], t: ["a"], b: ["t"], c: ["t", "=c"] }, ["b", "c"]);

  it("where a resource cannot be acquired because of it: once, for all of its consumers", async () => {
    const b = bench();
    const error = damaged(outputOf(await b.run(shared), "a"));
    b.behave.set("t", once(error, ""));
    b.log.length = 0;
    const record = await b.run(shared, { force: ["b", "c"], jobs: 2 });
    expect(record.nodes.b!.error).toBeUndefined();
    expect(statuses(record)).toEqual({ a: "built", b: "built", c: "built" });
    expect(ran(b).filter((line) => line === "run a")).toHaveLength(1);
    expect(ran(b).filter((line) => line.startsWith("acquire"))).toHaveLength(2);
    expect(ran(b).filter((line) => line.startsWith("release"))).toHaveLength(2);
  });

  it("where a tool read it through a resource and saw no more than an I/O error", async () => {
    const b = bench();
    const error = damaged(outputOf(await b.run(shared), "a"));
    let met = false;
    b.faults.set("t", () => (met ? error : undefined));
    b.behave.set("a", async () => {
      met = false;
      return "anew";
    });
    b.log.length = 0;
    b.behave.set("b", async () => {
      if (ran(b).includes("run a")) return "fine";
      met = true;
      throw new TplError({ code: "tool-failed", message: "rsync exited 23" });
    });
    const record = await b.run(shared, { force: ["b"], jobs: 1 });
    expect(record.ok).toBe(true);
    expect(ran(b).slice(0, 6)).toEqual(["acquire t", "run b", "release t", "run a", "acquire t", "run b"]);
  });

  it("also where the step was content with what it could read", async () => {
    const b = bench();
    const error = damaged(outputOf(await b.run(shared), "a"));
    b.faults.set("t", () => (ran(b).includes("run a") ? undefined : error));
    b.log.length = 0;
    const record = await b.run(shared, { force: ["b"] });
    expect(record.ok).toBe(true);
    expect(ran(b)).toContain("run a");
  });

  it("by a step that needs a resource which nobody wanted so far", async () => {
    //  a ─▶ t ─▶ b ─▶ c
    const graph = graphOf({ a: [], t: ["a"], b: ["t"], c: ["b"] });
    const b = bench();
    b.behave.set("c", once(damaged(outputOf(await b.run(graph), "b")), "fine"));
    b.log.length = 0;
    const record = await b.run(graph, { force: ["c"] });
    expect(record.nodes.c!.error).toBeUndefined();
    expect(ran(b)).toEqual(["run c", "acquire t", "run b", "release t", "run c"]);
  });

  it("beginning with the step that it came from, where it was passed on", async () => {
    //  a ─▶ b ─▶ c
    const graph = graphOf({ a: [], b: ["a"], c: ["b"] });
    const b = bench();
    const first = await b.run(graph);
    b.store.contents.missing.add(outputOf(first, "a").digest);
    b.behave.set("a", async () => {
      b.store.contents.missing.clear();
      return "another a";
    });
    b.behave.set("c", once(damaged(outputOf(first, "b")), "fine"));
    b.log.length = 0;
    const record = await b.run(graph, { force: ["c"] });
    expect(ran(b)).toEqual(["run c", "run a", "run b", "run c"]);
    expect(statuses(record)).toEqual({ a: "built", b: "built", c: "built" });
  });

  it("and what the rebuild held is released when it fails", async () => {
    //  a ─▶ t ─▶ b ─▶ c
    const graph = graphOf({ a: [], t: ["a"], b: ["t"], c: ["b"] });
    const b = bench();
    b.behave.set("c", once(damaged(outputOf(await b.run(graph), "b")), "fine"));
    b.behave.set("b", () => Promise.reject(new TplError({ code: "boom", message: "boom" })));
    b.log.length = 0;
    const record = await b.run(graph, { force: ["c"] });
    expect(record.nodes.c!.error!.code).toBe("boom");
    expect(ran(b)).toEqual(["run c", "acquire t", "run b", "release t"]);
  });

  it("tells of the rebuilt step that it has ended", async () => {
    const b = bench();
    const error = damaged(outputOf(await b.run(shared), "a"));
    b.behave.set("b", once(error, "fine"));
    b.events.length = 0;
    await b.run(shared, { force: ["b"] });
    const ofA = b.events.filter((event) => "node" in event && event.node === "a").map(({ type }) => type);
    expect(ofA).toEqual(["node-finished", "node-started", "node-finished"]);
  });
});
