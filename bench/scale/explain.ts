/** What explaining one step costs: one that is cached, and one that stands on a change, far above it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inTurn, type Measured, time } from "./measure.ts";
import { notYoung, type Project, tplgraphProject } from "./projects.ts";
import type { Dag } from "./shapes.ts";

/** `anew`: the first time after the template was written, which is read for it. */
export type Explained = Record<"cached" | "changed" | "anew", Measured>;

export function explained(dag: Dag, folder: string, rounds: number): Explained {
  const cached = tplgraphProject(dag, join(folder, "kept"));
  const changed = tplgraphProject(dag, join(folder, "changed"));
  const file = join(changed.cwd, "dag.yaml");
  // A number that no step has: another step's result must not stand for it.
  writeFileSync(file, readFileSync(file, "utf8").replace("number: 0\n", `number: ${dag.length}\n`));
  notYoung();
  const last = `n${dag.length - 1}`;
  const explaining = (project: Project): Project => ({
    ...project,
    args: [project.args[0]!, "explain", "dag.yaml", last],
  });
  const anew = time(explaining(changed));
  const medians = inTurn(
    [
      ["cached", explaining(cached)],
      ["changed", explaining(changed)],
    ],
    rounds,
  );
  return { cached: medians.get("cached")!, changed: medians.get("changed")!, anew };
}
