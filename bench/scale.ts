/**
 * What a fully cached run of a graph costs by its size and shape, beside `node -e 0`, and beside the same graph in
 * ninja, make, turbo and wireit, each with nothing to do: `node bench/scale.ts`. Also what it costs to execute steps
 * that do nothing. dist/ must be built; needs ninja, make and npm, no root. Medians of wall times, tools in turn.
 *
 * --sizes 100,1000,10000   nodes
 * --shapes layered,chain   of those in bench/scale/shapes.ts; the other tools get the first one alone
 * --rounds N               of one start of each (5)
 * --without turbo,wireit
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { PROJECTS, type Project, tplgraphProject, tplgraphTemplate } from "./scale/projects.ts";
import { SHAPES } from "./scale/shapes.ts";

const { values: flags } = parseArgs({
  options: {
    sizes: { type: "string", default: "100,1000,10000" },
    shapes: { type: "string", default: Object.keys(SHAPES).join(",") },
    rounds: { type: "string", default: "5" },
    without: { type: "string", default: "" },
  },
});
const sizes = flags.sizes.split(",").map(Number);
const shapes = flags.shapes.split(",");
const rounds = Number(flags.rounds);

if (!existsSync(resolve(import.meta.dirname, "../dist/cli/main.js")))
  throw new Error("dist/ is not built: npm run build");
const folder = mkdtempSync(join(tmpdir(), "tplgraph-scale-"));
try {
  bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function bench(): void {
  const empty: Project = { command: process.execPath, args: ["-e", "0"], cwd: folder };
  console.log("shape    nodes   tool       median s   over node -e 0   peak MiB");
  for (const [place, shape] of shapes.entries())
    for (const nodes of sizes) {
      const dag = SHAPES[shape]!(nodes);
      const projects: [string, Project][] = [["node -e 0", empty]];
      for (const [tool, { make, maxNodes }] of Object.entries(PROJECTS)) {
        const wanted = tool === "tplgraph" || (place === 0 && !flags.without.split(",").includes(tool));
        if (wanted && nodes <= maxNodes)
          projects.push([tool, make(dag, join(folder, `${shape}-${nodes}-${tool}`))]);
      }
      const measured = inTurn(projects);
      const base = measured.get("node -e 0")!;
      for (const [tool, { seconds, peakMiB }] of measured)
        row(shape, nodes, tool, seconds, seconds - base.seconds, peakMiB);
    }
  console.log("\nexecuting steps that do nothing, on an empty store, the graph compiled before:");
  for (const nodes of sizes) executed(nodes);
}

function executed(nodes: number): void {
  const dag = SHAPES[shapes[0]!]!(nodes);
  const project = tplgraphTemplate(dag, join(folder, `executed-${nodes}`));
  const cached = tplgraphProject(dag, join(folder, `cached-${nodes}`));
  time(cached);
  const [main] = project.args;
  // Makes the store; the second one keeps the compiled graph there.
  spawnSync(project.command, [main!, "run", "dag.yaml", "--target", "n0"], { cwd: project.cwd });
  spawnSync(project.command, [main!, "plan", "dag.yaml"], { cwd: project.cwd });
  const seconds = time(project).seconds - time(cached).seconds;
  console.log(
    `${nodes} nodes: ${seconds.toFixed(2)} s more than cached, ${((seconds / nodes) * 1e6).toFixed(0)} µs a node`,
  );
}

interface Measured {
  seconds: number;
  peakMiB: number;
}

function inTurn(projects: readonly [string, Project][]): Map<string, Measured> {
  const all = new Map(projects.map(([tool]) => [tool, [] as Measured[]]));
  for (let round = -1; round < rounds; round++)
    for (const [tool, project] of projects) {
      const measured = time(project);
      if (round >= 0) all.get(tool)!.push(measured);
    }
  const medianOf = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
  return new Map(
    [...all].map(([tool, list]) => [
      tool,
      {
        seconds: medianOf(list.map(({ seconds }) => seconds)),
        peakMiB: medianOf(list.map(({ peakMiB }) => peakMiB)),
      },
    ]),
  );
}

/** The peak is that of the largest single process, as time(1) tells it. */
function time({ command, args, cwd, env }: Project): Measured {
  const begun = performance.now();
  const { status, stderr } = spawnSync("/usr/bin/time", ["-f", "%M", command, ...args], {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  const seconds = (performance.now() - begun) / 1000;
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(" ")}: ${stderr.slice(-2000)}`);
  return { seconds, peakMiB: Number(stderr.trimEnd().split("\n").at(-1)) / 1024 };
}

function row(
  shape: string,
  nodes: number,
  tool: string,
  seconds: number,
  over: number,
  peakMiB: number,
): void {
  const cells = [shape.padEnd(8), `${nodes}`.padEnd(7), tool.padEnd(10), seconds.toFixed(3).padStart(8)];
  console.log([...cells, over.toFixed(3).padStart(16), peakMiB.toFixed(0).padStart(10)].join(" "));
}
