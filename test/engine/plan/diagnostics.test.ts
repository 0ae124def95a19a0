import { expect, it } from "vitest";
import * as z from "zod";
import type { Graph } from "../../../src/engine/graph/graph.ts";
import { planGraph } from "../../../src/engine/plan/plan-graph.ts";
import { defineStep, type StepType } from "../../../src/engine/plugin/step.ts";
import { memoryStore } from "../../../src/testing/memory-store.ts";

const at = (line: number) => ({ file: "t.yaml", line, column: 3 });

async function plan(type: StepType, value: string) {
  const graph: Graph = {
    template: { name: "t", file: "t.yaml", params: {} },
    nodes: [
      {
        id: "one",
        uses: "t/one",
        kind: "artifact",
        inputs: { file: { from: "literal", value, where: at(7), positions: { "0.path": at(9) } } },
        needs: [],
        folder: "/nowhere",
        where: at(4),
      },
    ],
    outputs: {},
  };
  const plugin = { name: "t", summary: "", steps: [], implementation: "1", origin: "test" };
  const types = { get: async () => ({ type, plugin }), names: async () => [] };
  return (await planGraph(graph, { store: memoryStore(), types, now: () => 0 })).diagnostics;
}

const base = {
  name: "one",
  summary: "",
  inputs: { file: z.string() },
  outputs: { value: z.any() },
  run: async () => ({ value: 1 }),
};

it("puts a missing file where the template names it", async () => {
  const type = defineStep({
    ...base,
    resolve: async (inputs, context) => ({ file: (await context.fileDigest(inputs.file!)).digest }),
  });
  expect(await plan(type, "./script.sh")).toMatchObject([
    {
      code: "file-not-found",
      where: { line: 7 },
      message: 'step "one" (t/one): there is no file ./script.sh',
    },
  ]);
});

it("reports a tool that is not installed, at the step", async () => {
  const type = defineStep({ ...base, tools: { "no-such-tool": ["--version"] } });
  expect(await plan(type, "x")).toMatchObject([{ code: "tool-missing", where: { line: 4 } }]);
});

it("reports what a step type refuses, at the very value", async () => {
  const type = defineStep({
    ...base,
    check: async () => [{ path: ["file", 0, "path"], code: "bad-path", message: "no", hint: "so" }],
  });
  expect(await plan(type, "x")).toMatchObject([{ code: "bad-path", hint: "so", where: { line: 9 } }]);
});
