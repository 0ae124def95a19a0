/**
 * What a fully cached run of a graph costs by its size and shape, beside `node -e 0`, and beside the same graph in
 * ninja, make, turbo and wireit, each with nothing to do: `node bench/scale.ts`. Also what it costs to build such a
 * graph of steps that do nothing, and to explain one of its steps. dist/ must be built; needs ninja, make and npm, no
 * root. Medians of wall times, tools in turn.
 *
 * --only cached,first,executed,engine,explain   parts; default all
 * --sizes 1000,10000,100000              nodes
 * --shapes layered,chain   of those in bench/scale/shapes.ts; all but the cached runs, and the other tools, get the first one alone
 * --rounds N               of one start of each (5)
 * --without turbo,wireit
 * --patience SECONDS       a tool that would fill its cache for longer, at the pace of the last size, is left out (300)
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { engineSeconds } from "./scale/engine.ts";
import { explained } from "./scale/explain.ts";
import { inTurn, time } from "./scale/measure.ts";
import { PROJECTS, type Project, tplgraphProject, tplgraphTemplate } from "./scale/projects.ts";
import { SHAPES } from "./scale/shapes.ts";

const PARTS = { cached, first, executed, engine, explain };

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: Object.keys(PARTS).join(",") },
    sizes: { type: "string", default: "1000,10000,100000" },
    shapes: { type: "string", default: Object.keys(SHAPES).join(",") },
    rounds: { type: "string", default: "5" },
    without: { type: "string", default: "" },
    patience: { type: "string", default: "300" },
  },
});
const sizes = flags.sizes.split(",").map(Number);
const shapes = flags.shapes.split(",");
const firstShape = SHAPES[shapes[0]!]!;
const rounds = Number(flags.rounds);
const patience = Number(flags.patience);
const leftOut = new Set(flags.without.split(","));
/** Seconds a node, of filling the last cache. */
const pace = new Map<string, number>();

if (!existsSync(resolve(import.meta.dirname, "../dist/cli/main.js")))
  throw new Error("dist/ is not built: npm run build");
const folder = mkdtempSync(join(tmpdir(), "tplgraph-scale-"));
const empty: Project = { command: process.execPath, args: ["-e", "0"], cwd: folder };
try {
  for (const part of flags.only.split(",")) await PARTS[part as keyof typeof PARTS]();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function cached(): void {
  console.log("with nothing to do\nshape    nodes   tool       median s   over node -e 0   peak MiB");
  for (const [place, shape] of shapes.entries())
    for (const nodes of sizes) {
      const measured = inTurn([["node -e 0", empty], ...projects(shape, nodes, place === 0)], rounds);
      const base = measured.get("node -e 0")!.seconds;
      for (const [tool, { seconds, peakMiB }] of measured) {
        const cells = [
          shape.padEnd(8),
          `${nodes}`.padEnd(7),
          tool.padEnd(10),
          seconds.toFixed(3).padStart(8),
        ];
        console.log(
          [...cells, (seconds - base).toFixed(3).padStart(16), peakMiB.toFixed(0).padStart(10)].join(" "),
        );
      }
    }
}

function projects(shape: string, nodes: number, others: boolean): [string, Project][] {
  const dag = SHAPES[shape]!(nodes);
  return Object.entries(PROJECTS).flatMap(([tool, { make, maxNodes }]): [string, Project][] => {
    const isOurs = tool === "tplgraph";
    if ((!isOurs && !others) || leftOut.has(tool) || nodes > maxNodes) return [];
    const expected = (pace.get(tool) ?? 0) * nodes;
    if (!isOurs && expected > patience) {
      console.log(`${tool}, ${nodes} nodes: left out, filling its cache would take ${expected.toFixed(0)} s`);
      return [];
    }
    const begun = performance.now();
    const project = make(dag, join(folder, `${shape}-${nodes}-${tool}`));
    pace.set(tool, (performance.now() - begun) / 1000 / nodes);
    return [[tool, project]];
  });
}

/** The template is read and compiled, every step built. */
function first(): void {
  console.log("\na first run, on an empty store: reading the template and building steps that do nothing");
  for (const nodes of sizes) {
    const { seconds, peakMiB } = time(tplgraphTemplate(firstShape(nodes), join(folder, `first-${nodes}`)));
    console.log(`${nodes} nodes: ${seconds.toFixed(2)} s, peak ${peakMiB.toFixed(0)} MiB`);
  }
}

function executed(): void {
  console.log("\nbuilding steps that do nothing, on an empty store, the graph compiled before");
  for (const nodes of sizes) {
    const dag = firstShape(nodes);
    const project = tplgraphTemplate(dag, join(folder, `executed-${nodes}`));
    const cachedProject = tplgraphProject(dag, join(folder, `cached-${nodes}`));
    time(cachedProject);
    const [main] = project.args;
    // Makes the store; the second one keeps the compiled graph there.
    spawnSync(project.command, [main!, "run", "dag.yaml", "--target", "n0"], { cwd: project.cwd });
    spawnSync(project.command, [main!, "plan", "dag.yaml"], { cwd: project.cwd });
    const built = time(project);
    const seconds = built.seconds - time(cachedProject).seconds;
    console.log(
      `${nodes} nodes: ${seconds.toFixed(2)} s more than cached, ${((seconds / nodes) * 1e6).toFixed(0)} µs a node, peak ${built.peakMiB.toFixed(0)} MiB`,
    );
  }
}

async function engine(): Promise<void> {
  console.log("\nthe engine alone, with a store in memory: planning and running steps that do nothing");
  for (const nodes of sizes) {
    const { planned, built, cached } = await engineSeconds(firstShape(nodes));
    const each = (seconds: number) => `${((seconds / nodes) * 1e6).toFixed(0)} µs a node`;
    console.log(`${nodes} nodes: planned ${each(planned)}, built ${each(built)}, cached ${each(cached)}`);
  }
}

function explain(): void {
  console.log("\nexplaining the last step, over node -e 0");
  for (const nodes of sizes) {
    const base = inTurn([["node -e 0", empty]], rounds).get("node -e 0")!.seconds;
    const measured = explained(firstShape(nodes), join(folder, `explain-${nodes}`), rounds);
    const over = (what: keyof typeof measured) => `${(measured[what].seconds - base).toFixed(3)} s`;
    console.log(
      `${nodes} nodes: cached ${over("cached")}; to be built, as the first has changed ${over("changed")}, ${over("anew")} when the template is read anew`,
    );
  }
}
