import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../../src/engine/graph/compile.ts";
import type { Graph, GraphNode } from "../../../src/engine/graph/graph.ts";
import type { Reference } from "../../../src/engine/template/reference.ts";
import type { Entry, Template, TemplateStep } from "../../../src/engine/template/template.ts";
import { marked } from "../marked.ts";
import { compileText, inShort, types } from "./fake-types.ts";

async function graphOf(...args: Parameters<typeof compileText>): Promise<Graph> {
  const { graph, diagnostics } = await compileText(...args);
  expect(diagnostics).toEqual([]);
  return graph!;
}

const nodeOf = (graph: Graph, id: string): GraphNode => graph.nodes.find((node) => node.id === id)!;
const needs = (graph: Graph) => Object.fromEntries(graph.nodes.map((node) => [node.id, node.needs]));

describe("compile", () => {
  //   disk ──image──▶ src ──tree──▶ files ──image──▶ checked ─▶ rootfs
  //     └────────────image───────────▲
  it("makes nodes of steps and edges of references, in topological order", async () => {
    const graph = await graphOf(`
name: job
params: { sizeMiB: 64, label: root }
steps:
  files:
    uses: fs/copy
    timeout: 10m
    with:
      from: \${{ steps.src.tree }}
      image: \${{ steps.disk.image }}
  checked: { uses: fs/check, with: { image: "\${{ steps.files.image }}" } }
  disk:
    uses: fs/make
    with:
      sizeMiB: \${{ params.sizeMiB }}
      label: \${{ params.label }}-\${{ params.sizeMiB }}
  src: { uses: fs/open, with: { from: "\${{ steps.disk.image }}" } }
outputs:
  rootfs: \${{ steps.checked.image }}
`);
    expect(graph.nodes.map((node) => node.id)).toEqual(["disk", "src", "files", "checked"]);
    expect(needs(graph)).toEqual({
      disk: [],
      src: ["disk"],
      files: ["src", "disk"],
      checked: ["files"],
    });
    expect(nodeOf(graph, "disk").inputs).toMatchObject({
      sizeMiB: { from: "literal", value: 64 },
      label: { from: "literal", value: "root-64" },
      kind: { from: "literal", value: "plain" },
      files: { from: "literal", value: [] },
    });
    expect(nodeOf(graph, "files")).toMatchObject({
      kind: "artifact",
      timeoutMs: 600_000,
      folder: process.cwd(),
      where: { file: "main.yaml", line: 5, column: 3, length: 5 },
      inputs: {
        from: { from: "node", node: "src", output: "tree", path: [], sharing: "shared" },
        image: { from: "node", node: "disk", output: "image", path: [] },
      },
    });
    expect(nodeOf(graph, "src").kind).toBe("resource");
    expect(graph.outputs.rootfs).toMatchObject({ node: "checked", output: "image", type: "image" });
    expect(graph.template).toEqual({
      name: "job",
      file: "main.yaml",
      params: { sizeMiB: 64, label: "root" },
    });
    expect(JSON.parse(JSON.stringify(graph))).toEqual(graph);
  });

  it("orders by needs where there is no data, and reads fields of plain data", async () => {
    const graph = await graphOf(`
steps:
  late: { uses: fs/make, needs: [src, early], with: { sizeMiB: "\${{ steps.src.facts.sizeMiB }}" } }
  src: { uses: fs/open, with: { from: { ref: "base:latest", output: rootfs } } }
  early: { uses: fs/make, with: { sizeMiB: 8 } }
`);
    expect(nodeOf(graph, "late").needs).toEqual(["src", "early"]);
    expect(nodeOf(graph, "late").inputs.sizeMiB).toMatchObject({ output: "facts", path: ["sizeMiB"] });
    expect(nodeOf(graph, "src").inputs.from).toMatchObject({
      from: "ref",
      ref: "base:latest",
      output: "rootfs",
      type: "image",
    });
  });

  it("keeps the places of what is inside a value", async () => {
    const graph = await graphOf(
      "steps:\n  a:\n    uses: fs/make\n    with:\n      sizeMiB: 8\n      files:\n        - path: /a\n",
    );
    const { files } = nodeOf(graph, "a").inputs;
    expect(files).toMatchObject({ positions: { "0": { line: 7 }, "0.path": { line: 7, column: 17 } } });
  });

  it("takes anchors, aliases and merge keys", async () => {
    const graph = await graphOf(`
x-common: &common { sizeMiB: 64, label: one }
steps:
  a: { uses: fs/make, with: { <<: *common, label: two } }
  b: { uses: fs/make, with: *common }
`);
    expect(nodeOf(graph, "a").inputs).toMatchObject({ sizeMiB: { value: 64 }, label: { value: "two" } });
    expect(nodeOf(graph, "b").inputs.label).toMatchObject({ value: "one" });
  });
});

describe("parameters", () => {
  const text = `
params: { n: 64, name: x, docs: true, list: [1] }
steps:
  a:
    uses: fs/make
    with: { sizeMiB: "\${{ params.n }}", label: "\${{ params.name }} \${{ params.docs }} \${{ params.list }}" }
`;

  it("are read as their defaults' types", async () => {
    const params = { n: "128", name: "128", docs: "false", list: "[2, 3]" };
    const graph = await graphOf(text, { params });
    expect(graph.template.params).toEqual({ n: 128, name: "128", docs: false, list: [2, 3] });
    expect(nodeOf(graph, "a").inputs).toMatchObject({
      sizeMiB: { value: 128 },
      label: { value: "128 false [2,3]" },
    });
  });

  it("that are unknown or of another type are told at their places", async () => {
    const compilation = await compileText(text, { params: { n: "many", docs: "1", nam: "y" } });
    expect(inShort(compilation)).toEqual([
      "main.yaml:2:1 unknown-param",
      "main.yaml:2:11 wrong-type",
      "main.yaml:2:27 wrong-type",
    ]);
    expect(compilation.diagnostics[0]!.hint).toMatch(
      /^did you mean "name"\? its parameters: n, a number \(64\); /,
    );
  });
});

describe("artifacts from elsewhere", () => {
  const base = `
name: base
params: { sizeMiB: 64 }
steps:
  disk: { uses: fs/make, with: { sizeMiB: "\${{ params.sizeMiB }}" } }
  other: { uses: fs/make, with: { sizeMiB: 8 } }
outputs: { rootfs: "\${{ steps.disk.image }}", other: "\${{ steps.other.image }}" }
`;
  const from = (params = "") => `{ template: lib/base.yaml, output: rootfs${params} }`;

  //   base/disk ─▶ a          base~2/disk ─▶ c
  //        └─────▶ b
  it("takes a template in once for every set of parameters, and only what is read of it", async () => {
    const graph = await graphOf(
      `
params: { big: 128 }
steps:
  a: { uses: fs/check, with: { image: ${from()} } }
  b: { uses: fs/check, with: { image: ${from(", params: { sizeMiB: 64 }")} } }
  c: { uses: fs/check, with: { image: ${from(', params: { sizeMiB: "${{ params.big }}" }')} } }
`,
      { files: { "lib/base.yaml": base } },
    );
    expect(needs(graph)).toEqual({
      "base/disk": [],
      a: ["base/disk"],
      b: ["base/disk"],
      "base~2/disk": [],
      c: ["base~2/disk"],
    });
    expect(nodeOf(graph, "base~2/disk")).toMatchObject({
      folder: resolve("lib"),
      where: { file: "lib/base.yaml" },
      inputs: { sizeMiB: { value: 128 } },
    });
  });

  it("says which parameter of a template that is taken in has the wrong type", async () => {
    const { text, line, column } = marked(
      `steps:\n  a: { uses: fs/check, with: { image: ${from(", params: { sizeMiB: ▲big }")} } }\n`,
    );
    const compilation = await compileText(text, { files: { "lib/base.yaml": base } });
    expect(inShort(compilation)).toEqual([`main.yaml:${line}:${column} wrong-type`]);
  });

  it("shows the chain of templates that take each other in", async () => {
    const taking = (other: string) =>
      `steps:\n  a: { uses: fs/check, with: { image: { template: ${other}, output: x } } }\noutputs: { x: "\${{ steps.a.image }}" }\n`;
    const compilation = await compileText(taking("b.yaml"), {
      files: { "b.yaml": taking("c.yaml"), "c.yaml": taking("b.yaml") },
    });
    expect(inShort(compilation)).toEqual(["c.yaml:2:51 template-cycle"]);
    expect(compilation.diagnostics[0]!.message).toContain("b.yaml → c.yaml → b.yaml");
  });

  it("makes a node of a file, by the step type that the port names", async () => {
    const graph = await graphOf("steps:\n  a: { uses: fs/check, with: { image: { file: ./disk.ext4 } } }\n");
    expect(needs(graph)).toEqual({ "a.image": [], a: ["a.image"] });
    expect(nodeOf(graph, "a.image")).toMatchObject({
      uses: "fs/take",
      inputs: {
        file: { value: "./disk.ext4", where: { line: 2, column: 47 } },
        check: { value: true },
      },
    });
    expect(nodeOf(graph, "a").inputs.image).toMatchObject({ from: "node", node: "a.image", output: "image" });
  });
});

describe("circles", () => {
  const check = (name: string, of: string) =>
    `  ${name}: { uses: fs/check, with: { image: "\${{ steps.${of}.image }}" } }\n`;

  //   a ◀─ b ◀─ c      x ⟲      y ─▶ a (no part of it)
  //   └────────▶┘
  it("are shown as paths, each with the places of its edges", async () => {
    const compilation = await compileText(
      `steps:\n${check("a", "b")}${check("b", "c")}${check("c", "a")}${check("x", "x")}${check("y", "a")}`,
    );
    expect(inShort(compilation)).toEqual(["main.yaml:2:39 cycle", "main.yaml:5:39 cycle"]);
    const [first, self] = compilation.diagnostics;
    expect(first!.message).toContain("a → b → c → a");
    expect(first!.hint).toContain("a needs b (2:39), b needs c (3:39), c needs a (4:39)");
    expect(self!.message).toContain("x → x");
  });

  it("by needs alone are found too", async () => {
    const compilation = await compileText(
      "steps:\n  a: { uses: fs/make, with: { sizeMiB: 8 }, needs: [b] }\n  b: { uses: fs/make, with: { sizeMiB: 8 }, needs: [a] }\n",
    );
    expect(inShort(compilation)).toEqual(["main.yaml:2:53 cycle"]);
  });
});

describe("100,000 steps", { timeout: 120_000 }, () => {
  const COUNT = 100_000;
  const where = { file: "big.yaml", line: 1, column: 1 };
  const options = { types, readFile: () => Promise.reject(new Error("bug: nothing to read")) };

  const imageOf = (step: string): Reference => ({ to: "step", step, output: "image", path: [] });

  function big(readsOf: (i: number) => number[]): Template {
    const steps = Array.from({ length: COUNT }, (_, i): TemplateStep => {
      const [image, ...needs] = readsOf(i).map((n) => `s${n}`);
      const input: Entry =
        image === undefined
          ? { key: "sizeMiB", keyWhere: where, value: { kind: "scalar", value: 8, where } }
          : { key: "image", keyWhere: where, value: { kind: "reference", where, reference: imageOf(image) } };
      return {
        name: `s${i}`,
        where,
        uses: { value: image === undefined ? "fs/make" : "fs/check", where },
        with: [input],
        needs: needs.map((name) => ({ value: name, where })),
      };
    });
    return { file: "big.yaml", name: "big", params: [], matrix: [], steps, outputs: [] };
  }

  //   s0 ◀─ s1 ◀─ … ◀─ s99999, the last written first
  it("in one chain, against the order of the file", async () => {
    const { graph } = await compileTemplate(
      big((i) => (i === COUNT - 1 ? [] : [i + 1])),
      options,
    );
    expect(graph!.nodes.length).toBe(COUNT);
    expect(graph!.nodes[0]!.id).toBe(`s${COUNT - 1}`);
  });

  //   layers of 1,000; each node reads three of the layer before
  it("in layers", async () => {
    const readsOf = (i: number) =>
      i < 1000 ? [] : [0, 1, 2].map((k) => i - (i % 1000) - 1000 + ((i + k * 7) % 1000));
    const { graph, diagnostics } = await compileTemplate(big(readsOf), options);
    expect(diagnostics).toEqual([]);
    expect(graph!.nodes.length).toBe(COUNT);
  });

  it("in one circle, told in short", async () => {
    const { diagnostics } = await compileTemplate(
      big((i) => [(i + 1) % COUNT]),
      options,
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(["cycle"]);
    expect(diagnostics[0]!.message.length).toBeLessThan(300);
  });
});
