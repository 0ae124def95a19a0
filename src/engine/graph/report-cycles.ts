/** Circles as diagnostics: the way round, and where each of its steps reads the next. */
import type { Position } from "../errors.ts";
import type { Diagnostics } from "../template/diagnostic.ts";
import { findCycles } from "./cycles.ts";
import type { GraphNode } from "./graph.ts";
import type { ScopedStep } from "./scope.ts";

/** Longer ways are told by their beginning and their end. */
const MAX_SHOWN = 12;

export function reportCycles(
  nodes: readonly GraphNode[],
  stepOf: ReadonlyMap<string, ScopedStep>,
  diagnostics: Diagnostics,
): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const cycle of findCycles(nodes)) {
    const edges = cycle.map((id, i) => {
      const need = cycle[(i + 1) % cycle.length]!;
      return { id, need, where: edgePosition(byId.get(id)!, need, stepOf.get(id)) };
    });
    const places = edges.map(({ id, need, where }) => `${id} needs ${need} (${where.line}:${where.column})`);
    diagnostics.error(edges[0]!.where, {
      code: "cycle",
      message: `steps need each other in a circle: ${shorten([...cycle, cycle[0]!], " → ")}`,
      hint: `${shorten(places, ", ")}: one of these has to go`,
    });
  }
}

function edgePosition(node: GraphNode, need: string, scoped: ScopedStep | undefined): Position {
  const read = Object.values(node.inputs).find((input) => input.from === "node" && input.node === need);
  const named = scoped?.step.needs.find(({ value }) => need === value || need.endsWith(`/${value}`));
  return read?.where ?? named?.where ?? node.where;
}

function shorten(words: readonly string[], separator: string): string {
  if (words.length <= MAX_SHOWN) return words.join(separator);
  const half = MAX_SHOWN / 2;
  return [...words.slice(0, half), `… (${words.length - MAX_SHOWN} more)`, ...words.slice(-half)].join(
    separator,
  );
}
