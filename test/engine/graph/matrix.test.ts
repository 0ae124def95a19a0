import { describe, expect, it } from "vitest";
import { compile } from "../../../src/engine/graph/compile.ts";
import type { GraphNode } from "../../../src/engine/graph/graph.ts";
import { instanceTag } from "../../../src/engine/graph/matrix.ts";
import { nodesMeant } from "../../../src/engine/plan/targets.ts";
import { types } from "./fake-types.ts";

//  made ─────────────▶ checked        one
//  disk[size] ───────▶ done[size]     for each size
const TEMPLATE = `
name: sizes
params: { size: 8, name: { type: string } }
matrix: { size: [8, 16], name: [a, b] }
steps:
  made: { uses: fs/make, with: { sizeMiB: 12 } }
  checked: { uses: fs/check, with: { image: "\${{ steps.made.image }}" } }
  disk: { uses: fs/make, with: { sizeMiB: "\${{ params.size }}" } }
  done: { uses: fs/check, with: { image: "\${{ steps.disk.image }}" }, needs: [checked] }
outputs:
  base: \${{ steps.checked.image }}
  root: \${{ steps.done.image }}
`;

async function compiled(text: string, params: Record<string, string> = {}) {
  return compile("sizes.yaml", { types, params, readFile: async () => Buffer.from(text) });
}

const ids = (nodes: readonly GraphNode[]) => nodes.map(({ id }) => id);

describe("a matrix", () => {
  it("has each step once for the values that it depends on", async () => {
    const { graph, diagnostics } = await compiled(TEMPLATE);
    expect(diagnostics).toEqual([]);
    expect(ids(graph!.nodes)).toEqual([
      "made",
      "checked",
      "disk[size=8]",
      "done[size=8]",
      "disk[size=16]",
      "done[size=16]",
    ]);
    expect(Object.keys(graph!.outputs)).toEqual(["base", "root[size=8]", "root[size=16]"]);
    expect(graph!.template.params).toEqual({});
    expect(graph!.instances!.map(({ name }) => name)).toEqual([
      "size=8,name=a",
      "size=8,name=b",
      "size=16,name=a",
      "size=16,name=b",
    ]);
    expect(graph!.instances![2]).toMatchObject({
      params: { size: 16, name: "a" },
      outputs: { base: "base", root: "root[size=16]" },
    });
  });

  it("has what is given for a parameter instead of its values", async () => {
    const { graph } = await compiled(TEMPLATE, { size: "32", name: "a" });
    expect(graph!.instances!.map(({ name }) => name)).toEqual(["size=32,name=a"]);
    expect(ids(graph!.nodes)).toContain("done[size=32]");
  });

  it("says once what is wrong with a step of all instances", async () => {
    const { diagnostics } = await compiled(TEMPLATE.replace("needs: [checked]", "needs: [chekced]"));
    expect(diagnostics.map(({ code }) => code)).toEqual(["unknown-step"]);
  });

  it("is refused where two instances would have one tag", async () => {
    const clashing = TEMPLATE.replace(
      "size: [8, 16], name: [a, b]",
      'name: ["1", 1_size-8], size: [8]',
    ).replace("params: { size: 8,", "params: { size: { type: string },");
    const { diagnostics } = await compiled(
      clashing.replace("size: [8]", 'size: ["8", "8_size-8"]').replace('"${{ params.size }}"', "8"),
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(["matrix-clash"]);
    expect(diagnostics[0]!.message).toContain("tagged name-1_size-8_size-8");
  });

  it("is named by step, by id, or by values", async () => {
    const { graph } = await compiled(TEMPLATE);
    expect(nodesMeant(graph!, ["made"])).toEqual(["made"]);
    expect(nodesMeant(graph!, ["disk"])).toEqual(["disk[size=8]", "disk[size=16]"]);
    expect(nodesMeant(graph!, ["disk[size=16]"])).toEqual(["disk[size=16]"]);
    expect(new Set(nodesMeant(graph!, ["size=16"]))).toEqual(new Set(["checked", "done[size=16]"]));
    expect(() => nodesMeant(graph!, ["dsik"])).toThrow('has no step "dsik"');
  });

  it("gives each instance a tag of its own", () => {
    expect(instanceTag("latest", "diskMiB=2048,python=3.11")).toBe("diskMiB-2048_python-3.11");
    expect(instanceTag("v2", "diskMiB=2048")).toBe("v2-diskMiB-2048");
  });
});
