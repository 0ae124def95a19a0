import { describe, expect, it } from "vitest";
import { storeAndFetchText } from "../../src/views/cost-text.ts";
import { planDocument } from "../../src/views/plan-json.ts";
import { planMarkdown } from "../../src/views/plan-markdown.ts";
import { planTable, summaryLine } from "../../src/views/plan-table.ts";
import { textWidth } from "../../src/views/text-width.ts";
import { DIGEST, graphOf, planOf } from "./fixtures.ts";

//  a ─▶ b ─▶ c!
const graph = graphOf({ a: [], b: ["a"], "c!": ["b"] });
const plan = planOf(graph, {
  a: {
    fate: "miss",
    key: "0123456789abcdef",
    lastSeconds: 61,
    lastAddedBytes: 3 * 2 ** 20,
    reason: { code: "params-changed", changed: [{ path: "with.sizeMiB", from: 1024, to: 2048 }] },
  },
  b: { fate: "pending", reason: { code: "upstream", changed: [] } },
  "c!": { fate: "unneeded" },
});

describe("table", () => {
  it("tells each step's fate, key, last time and why", () => {
    const [, a, b, c] = planTable(plan).split("\n");
    expect(a).toMatch(/^miss +a +lab\/a +1m 01s +3 MiB +0123456789ab +with\.sizeMiB 1024 → 2048$/);
    expect(b).toMatch(/^pending +b +lab\/b +depends on what a step above makes$/);
    expect(c).toMatch(/^unneeded +c! +lab\/c! +no step that runs uses it$/);
  });

  it("tells what a step decided to do, and which steps are not reproducible", () => {
    const noted = planOf(graph, {
      a: { fate: "hit", key: "01", note: "in place: nothing else is wanted" },
      b: { fate: "pending", reproducible: false },
    });
    const lines = planTable(noted).split("\n");
    expect(lines[1]).toMatch(/01 +in place: nothing else is wanted$/);
    expect(lines).toContain("not reproducible to the byte: b");
  });

  it("cuts the why, and nothing else, to the window", () => {
    const changed = Array.from({ length: 9 }, (_, i) => ({
      path: `with.input${i}`,
      from: "x".repeat(60),
      to: DIGEST,
    }));
    const wide = planOf(graph, { a: { fate: "miss", reason: { code: "params-changed", changed } } });
    for (const line of planTable(wide, { columns: 80 }).split("\n"))
      expect(textWidth(line)).toBeLessThanOrEqual(80);
  });

  it.each([
    [100, "fate step type last stored key why"],
    [70, "fate step type last stored why"],
    [60, "fate step last stored why"],
    [50, "fate step last why"],
    [36, "fate step why"],
  ])("leaves out what matters least where %i columns are too few for the why", (columns, titles) => {
    const long = planOf(graphOf({ "a-step": [] }), {
      "a-step": {
        fate: "pending",
        key: "0123456789abcdef",
        lastSeconds: 61,
        lastAddedBytes: 3 * 2 ** 20,
        reason: { code: "upstream", changed: [] },
      },
    });
    const lines = planTable(long, { columns }).split("\n").slice(0, 2);
    expect(lines[0]!.trim().replace(/ +/g, " ")).toBe(titles);
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns);
  });

  const summary = { hit: 4, miss: 1, pending: 2, unneeded: 1, estimateSeconds: 0 };

  it.each([
    [{ bytesToStore: 0, unmeasuredSteps: 0, bytesToFetch: 0 }, "about 0 B to store; nothing to fetch"],
    [
      { bytesToStore: 2 ** 20, unmeasuredSteps: 1, bytesToFetch: 2 ** 30 },
      "about 1 MiB to store, 1 step never measured; at most 1 GiB to fetch",
    ],
    [
      { bytesToStore: 0, unmeasuredSteps: 3, bytesToFetch: null },
      "bytes to store unknown; bytes to fetch unknown: the remote cannot tell",
    ],
  ])("tells what is to be stored and fetched: %j", (cost, text) => {
    expect(
      planTable({ ...plan, summary: { ...summary, ...cost } })
        .split("\n")
        .at(-1),
    ).toBe(text);
    expect(planMarkdown({ ...plan, summary: { ...summary, ...cost } })).toContain(`; ${text}.`);
  });

  it("tells nothing of what is to be stored and fetched where nothing is built", () => {
    const none = { ...summary, miss: 0, pending: 0, bytesToStore: 0, unmeasuredSteps: 0, bytesToFetch: 0 };
    expect(storeAndFetchText(none)).toBe("");
  });

  it("ends with what it comes to", () => {
    expect(summaryLine({ hit: 4, miss: 1, pending: 2, unneeded: 1, estimateSeconds: 41 })).toBe(
      "4 cached, 1 to build, 2 to build unless their inputs come out the same, 1 not needed; about 41.0s",
    );
  });
});

it("is the document tplgraph.plan/1", () => {
  expect(planDocument(plan)).toEqual({
    schema: "tplgraph.plan/1",
    template: { name: "lab", file: "t.yaml", params: {} },
    nodes: plan.nodes,
    summary: plan.summary,
  });
});
