/** Which nodes a run is about: what the targets need, going up from them. */
import { TplError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * Ids of the nodes that `targets` (default: the template's outputs; where it has none, every node that no
 * other one needs) stand on, themselves included. Throws TplError `unknown-target`.
 */
export function targetsPath(graph: Graph, targets: readonly string[] | undefined): Set<string> {
  const needs = new Map(graph.nodes.map((node) => [node.id, node.needs]));
  const unknown = targets?.find((target) => !needs.has(target));
  if (unknown !== undefined)
    throw new TplError({
      code: "unknown-target",
      message: `${graph.template.file} has no step "${unknown}"`,
      hint: `its steps: ${[...needs.keys()].join(", ")}`,
    });
  const wanted = new Set<string>();
  const open = [...(targets?.length ? targets : defaultTargets(graph))];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (wanted.has(id)) continue;
    wanted.add(id);
    open.push(...(needs.get(id) ?? []));
  }
  return wanted;
}

function defaultTargets(graph: Graph): Iterable<string> {
  const outputs = Object.values(graph.outputs).map((output) => output.node);
  if (outputs.length > 0) return outputs;
  const needed = new Set(graph.nodes.flatMap((node) => node.needs));
  return graph.nodes.map((node) => node.id).filter((id) => !needed.has(id));
}
