import fc from "fast-check";
import { expect, it } from "vitest";
import type { Graph, GraphNode, InputBinding } from "../../../src/engine/graph/graph.ts";
import { packGraph, unpackGraph } from "../../../src/engine/graph/packed-graph.ts";
import { compileText } from "./fake-types.ts";

it("gives back the graph of a template", async () => {
  const { graph } = await compileText(`
name: job
params: { sizeMiB: 64 }
steps:
  src: { uses: fs/open, with: { from: "\${{ steps.disk.image }}" } }
  disk: { uses: fs/make, timeout: 10m, with: { sizeMiB: "\${{ params.sizeMiB }}", files: [{ path: /a }] } }
  files: { uses: fs/copy, with: { from: "\${{ steps.src.tree }}", image: "\${{ steps.disk.image }}" } }
  named: { uses: fs/check, with: { image: { ref: "base:latest" } } }
outputs: { rootfs: "\${{ steps.files.image }}", named: "\${{ steps.named.image }}" }
`);
  expect(unpackGraph(packGraph(graph!))).toEqual(graph);
});

const where = fc.record(
  { file: fc.string(), line: fc.nat(), column: fc.nat(), length: fc.integer({ min: 1 }) },
  { requiredKeys: ["file", "line", "column"] },
);

it("gives back any graph, with fields that it does not know", () => {
  const graphs = fc
    .array(fc.tuple(fc.string(), fc.string(), where, fc.jsonValue(), fc.nat(), fc.boolean()), {
      maxLength: 8,
    })
    .map((drawn): Graph => {
      const nodes = drawn.map(([id, uses, place, value, pick, isRare], at): GraphNode => {
        const above = at > 0 ? `${pick % at}${drawn[pick % at]![0]}` : undefined;
        const inputs: Record<string, InputBinding> = {
          value: {
            from: "literal",
            value: value as never,
            where: place,
            ...(isRare ? { positions: { a: place } } : {}),
          },
        };
        if (above !== undefined)
          inputs.above = { from: "node", node: above, output: uses, path: isRare ? ["x"] : [], where: place };
        const node = {
          id: `${at}${id}`,
          uses,
          inputs,
          needs: above === undefined ? [] : [above],
          folder: id,
          where: place,
        };
        return {
          ...node,
          kind: isRare ? "resource" : "artifact",
          ...(isRare ? { timeoutMs: 5, later: value } : {}),
        };
      });
      return { template: { name: "t", file: "t.yaml", params: {} }, nodes, outputs: {} };
    });
  fc.assert(
    fc.property(graphs, (graph) => {
      expect(unpackGraph(packGraph(graph))).toEqual(JSON.parse(JSON.stringify(graph)));
    }),
    { numRuns: 200 },
  );
});

it("takes a node that needs 200,000 others", () => {
  const place = { file: "t.yaml", line: 1, column: 1 };
  const leaf = (id: string): GraphNode => ({
    id,
    uses: "t/step",
    kind: "artifact",
    inputs: {},
    needs: [],
    folder: "/",
    where: place,
  });
  const leaves = Array.from({ length: 200_000 }, (_, at) => leaf(`n${at}`));
  const hub = { ...leaf("hub"), needs: leaves.map(({ id }) => id) };
  const graph: Graph = {
    template: { name: "t", file: "t.yaml", params: {} },
    nodes: [...leaves, hub],
    outputs: {},
  };
  expect(unpackGraph(packGraph(graph)).nodes.at(-1)!.needs).toHaveLength(200_000);
});

it("refuses a text that was cut short", () => {
  const text = packGraph({ template: { name: "t", file: "t.yaml", params: {} }, nodes: [], outputs: {} });
  expect(() => unpackGraph(text.slice(0, -1))).toThrow(SyntaxError);
});
