import { createHash } from "node:crypto";
import { instance } from "@viz-js/viz";
import { describe, expect, it } from "vitest";
import { planDocumentOf, structureDocument } from "../../../src/views/graph/document.ts";
import { graphDot } from "../../../src/views/graph/dot.ts";
import { graphMermaid } from "../../../src/views/graph/mermaid.ts";
import { graphPage } from "../../../src/views/graph/page.ts";
import { graphSvg } from "../../../src/views/graph/svg.ts";
import { graphTree } from "../../../src/views/graph/tree.ts";
import { graphOf as compiledGraph, DIGEST, planOf } from "../fixtures.ts";

const graphOf = (...graph: Parameters<typeof compiledGraph>) => structureDocument(compiledGraph(...graph));

//  base ─▶ source! ─┐
//  disk ────────────┴▶ files ─▶ checked ─▶ rootfs
//                                  └─▶ machine ─▶ snapshot
const job = graphOf(
  {
    base: [],
    "source!": ["base"],
    disk: [],
    files: ["source!", "disk"],
    checked: ["files"],
    machine: ["checked"],
  },
  { rootfs: "checked", snapshot: "machine" },
);

describe("tree", () => {
  it("goes from each output down to what it is made from, and draws nothing twice", () => {
    expect(graphTree(job).split("\n")).toEqual([
      "lab  t.yaml",
      "├─ rootfs = checked  lab/checked",
      "│  ◂ files  lab/files",
      "│    ├─ source!  lab/source!  (resource)",
      "│    │  ◂ base  lab/base",
      "│    └─ disk  lab/disk",
      "└─ snapshot = machine  lab/machine",
      "   ◂ checked  lab/checked  (above)",
    ]);
  });

  it("shows what no output stands on, too", () => {
    expect(graphTree(graphOf({ a: [], b: [] }, { out: "a" }))).toContain("└─ b  lab/b");
  });

  it("keeps a chain of 100,000 narrow", () => {
    const chain = graphOf(
      Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`s${i}`, i > 0 ? [`s${i - 1}`] : []])),
    );
    const lines = graphTree(chain).split("\n");
    expect(lines).toHaveLength(100_001);
    expect(lines.at(-1)).toBe("   ◂ s0  lab/s0");
  });
});

describe("mermaid", () => {
  it("draws steps, resources, edges by the output they read, and outputs", () => {
    const text = graphMermaid(job);
    expect(text).toMatch(/^flowchart LR\n/);
    expect(text).toContain('n1(["source#33;<br/><small>lab/source#33;</small>"])');
    expect(text).toContain('n1 -- "image" --> n3');
    expect(text).toContain('o0(("rootfs"))');
    expect(text).toContain("class n1 resource");
  });

  it("lets nothing that a template says become syntax or HTML", () => {
    const text = graphMermaid(graphOf({ '<script>alert("x")</script>]': [] }));
    expect(text).not.toContain("<script>");
    expect(text).not.toContain('"x"');
  });
});

describe("SVG", () => {
  it("tells of each edge what flows along it, and writes it once behind each step", async () => {
    const svg = await graphSvg(job);
    expect(svg).toContain("<title>image: files → checked</title>");
    expect(svg.match(/class="flow"[^>]*>image</g)).toHaveLength(5);
    const ordered = graphOf({ a: [], b: ["a"] });
    ordered.nodes[1]!.inputs = {};
    expect(await graphSvg(ordered)).toContain("<title>a before b</title>");
    expect(await graphSvg(ordered)).not.toContain('class="flow"');
  });

  it("writes a word on an edge into the gap between its steps", async () => {
    const svg = await graphSvg(graphOf({ a: [], b: ["a"] }));
    const number = (pattern: RegExp) => Number(pattern.exec(svg)![1]);
    const word = number(/class="flow"[^>]* x="(\d+)"/);
    const [a, b] = [0, 1].map((i) => number(new RegExp(`id="n${i}" transform="translate\\(([\\d.]+)`)));
    const width = number(/class="box" width="([\d.]+)"/);
    expect(Math.abs(word - (a! + width + b!) / 2)).toBeLessThan(3);
  });

  it("writes nothing on the edges of a large graph", async () => {
    const ids = Array.from({ length: 70 }, (_, i) => `s${i}`);
    const svg = await graphSvg(graphOf({ a: [], ...Object.fromEntries(ids.map((id) => [id, ["a"]])) }));
    expect(svg).toContain("<title>image: a → s69</title>");
    expect(svg).not.toContain('class="flow"');
  });
});

describe("states", () => {
  //  a (cached) ─▶ tree! ─▶ b ─▶ c
  const plan = planOf(compiledGraph({ "x/a": [], "tree!": ["x/a"], b: ["tree!"], c: ["b"] }, { out: "c" }), {
    "x/a": { outputs: { image: { type: "image", digest: DIGEST, bytes: 1024 ** 3 } }, lastSeconds: 9 },
    "tree!": { fate: "miss" },
    b: { fate: "miss", lastSeconds: 2, reason: { code: "never-built", changed: [] } },
    c: { fate: "pending", lastSeconds: 1 },
  });
  const document = planDocumentOf(plan);

  it("stand in the tree, with times, sizes, and what decides how long it takes", () => {
    expect(graphTree(document).split("\n")).toEqual([
      "lab  t.yaml",
      "└─ out = c  lab/c  ? pending · took 1.0s ◆",
      "   ◂ b  lab/b  ▲ to build · took 2.0s ◆",
      "   ◂ tree!  lab/tree!  (resource)  ▲ to acquire ◆",
      "   ◂ x/a  lab/x/a  ✓ cached · 1 GiB",
    ]);
    expect(document.critical).toEqual({ nodes: ["tree!", "b", "c"], seconds: 3 });
  });

  it("come with what a step decided, and why, in every format", async () => {
    const note = "in place: <all> that differs is the size";
    const graph = compiledGraph({ a: [] }, { out: "a" });
    const noted = planDocumentOf(planOf(graph, { a: { fate: "miss", note, reproducible: false } }));
    expect(graphTree(noted)).toContain(note);
    expect(graphDot(noted)).toContain(note);
    expect(graphMermaid(noted)).toContain("in place: #60;all#62; that differs is the size");
    expect(await graphSvg(noted)).toContain("in place: &#60;all&#62; that differs is the size");
    expect(noted.nodes[0]).toMatchObject({ note, reproducible: false });
  });

  it("are classes in mermaid, and groups are subgraphs", () => {
    const text = graphMermaid(document);
    expect(text).toContain('subgraph g0["x"]');
    expect(text).toMatch(/class n2 miss|class n1,n2 miss/);
    expect(text).toMatch(/class n1,n2,n3 critical/);
    expect(graphMermaid(document, { groups: "plugin" })).toContain('subgraph g0["lab"]');
    expect(graphMermaid(document, { groups: "none" })).not.toContain("subgraph");
  });

  it("are colours in dot, and groups are clusters", () => {
    const text = graphDot(document);
    expect(text).toContain("subgraph cluster_0");
    expect(text).toMatch(/n1 \[.*dashed/);
    expect(text).toMatch(/n2 -> n3 \[label="image", penwidth=2.5\]/);
  });

  it("are signs, words and colours in SVG, drawn where Graphviz puts them", async () => {
    const svg = await graphSvg(document);
    expect(svg).toMatch(/class="node artifact s-pending critical" id="n3"/);
    expect(svg).toContain("pending · took 1.0s");
    expect(svg).toContain('class="node resource s-miss');
    const x = (node: number) =>
      Number(new RegExp(`id="n${node}" transform="translate\\(([\\d.]+)`).exec(svg)![1]);
    expect([0, 1, 2, 3].map(x)).toEqual([0, 1, 2, 3].map(x).toSorted((a, b) => a - b));
  });

  it("are in the document, which says nothing of folders", () => {
    expect(document).toMatchObject({ schema: "tplgraph.graph/1", shows: "plan" });
    expect(JSON.stringify(document)).not.toContain("folder");
  });
});

describe("hostile text", () => {
  const hostile = `</script><script>alert("x")</script>\\N\\"&lt;\n\u0000\ud800'日本😀`;
  const document = planDocumentOf(
    planOf(compiledGraph({ [hostile]: [] }, { [hostile]: hostile }), {
      [hostile]: {
        fate: "miss",
        reason: { code: "params-changed", changed: [{ path: hostile, from: 1, to: 2 }] },
      },
    }),
  );
  document.template.name = hostile;

  it("stays text in SVG, which stays well-formed", async () => {
    const svg = await graphSvg(document);
    expect(svg).not.toContain("<script");
    expect(svg).toContain("日本😀");
    expect(svg).not.toContain("\u0000");
    expect(tagsOf(svg)).toEqual([]);
  });

  it("stays text in dot: Graphviz reads back what was written", async () => {
    const viz = await instance();
    const drawn = viz.renderJSON(graphDot(document)) as { objects: { label: string }[] };
    expect(drawn.objects[0]!.label).toContain("</script>");
  });

  it("stays text in mermaid and in the tree", () => {
    expect(graphMermaid(document)).not.toMatch(/<script|"x"|&lt;/);
    expect(graphTree(document)).not.toContain("\u0000");
  });

  it("stays text in the page, whose policy allows our script alone", async () => {
    const assets = { script: "let ours;", style: ".ours{}" };
    const html = await graphPage({ graphs: [{ title: hostile, document }] }, { assets });
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    const json = /id="data">(.*?)<\/script>/s.exec(html)![1]!;
    expect(JSON.parse(json).graphs[0].document.nodes[0].id).toBe(hostile);
    const digest = createHash("sha256").update("let ours;").digest("base64");
    expect(html).toContain(`script-src 'sha256-${digest}'`);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain("connect-src 'none'");
  });
});

/** The tags of `xml` that were opened and not closed, or the other way round. */
function tagsOf(xml: string): string[] {
  const open: string[] = [];
  for (const [, end, name, self] of xml.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/gi)) {
    if (self) continue;
    if (end === "") open.push(name!);
    else if (open.pop() !== name) return [`${name} was not open`];
  }
  return open;
}
