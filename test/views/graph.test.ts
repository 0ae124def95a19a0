import { describe, expect, it } from "vitest";
import { graphMermaid } from "../../src/views/mermaid.ts";
import { graphTree } from "../../src/views/tree.ts";
import { graphOf } from "./fixtures.ts";

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
