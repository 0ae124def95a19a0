/** Which nodes a run is about: what the targets need, going up from them. */
import { TplError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { reachable } from "../graph/reachable.ts";
import { suggestOrList } from "../template/suggest.ts";

/**
 * Ids of the nodes that `targets` (default: the template's outputs; where it has none, every node that no
 * other one needs) stand on, themselves included.
 */
export function targetsPath(graph: Graph, targets: readonly string[] | undefined): Set<string> {
  return reachable(graph.nodes, targets?.length ? targets : defaultTargets(graph));
}

/**
 * The nodes that `words` mean: an id; a step's name, which in a matrix is all of its instances; or values of the matrix
 * (`diskMiB=2048`), which are the outputs of the instances with these. Throws TplError `unknown-target`.
 */
export function nodesMeant(graph: Graph, words: readonly string[]): string[] {
  const ids = graph.nodes.map(({ id }) => id);
  const known = new Set(ids);
  return words.flatMap((word) => {
    if (known.has(word)) return word;
    const instances = ids.filter((id) => id.startsWith(`${word}[`));
    const found = instances.length > 0 ? instances : outputsOfInstances(graph, word);
    if (found.length > 0) return found;
    throw new TplError({
      code: "unknown-target",
      message: `${graph.template.file} has no step "${word}"`,
      hint: suggestOrList(word, ids, "its steps"),
    });
  });
}

function outputsOfInstances({ instances = [], outputs }: Graph, word: string): string[] {
  const wanted = word.replace(/^\[(.*)\]$/, "$1").split(",");
  const meant = instances.filter(({ name }) => wanted.every((value) => name.split(",").includes(value)));
  return meant.flatMap((instance) => Object.values(instance.outputs).map((name) => outputs[name]!.node));
}

function defaultTargets(graph: Graph): Iterable<string> {
  const outputs = Object.values(graph.outputs).map((output) => output.node);
  if (outputs.length > 0) return outputs;
  const needed = new Set(graph.nodes.flatMap((node) => node.needs));
  return graph.nodes.map((node) => node.id).filter((id) => !needed.has(id));
}
