/** Which steps a search and the filters leave. */
import type { DrawnNode } from "../views/graph/document.ts";
import type { Choice } from "./view-state.ts";

/** Every word of the search must be in the step's name, its type or its state's reason; letters' case does not matter. */
export function matches(node: DrawnNode, choice: Choice, differing: ReadonlySet<string>): boolean {
  if (choice.states.size > 0 && (node.state === undefined || !choice.states.has(node.state))) return false;
  if (choice.differing && !differing.has(node.id)) return false;
  const text = `${node.id} ${node.uses} ${node.why ?? ""}`.toLowerCase();
  return choice.search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function isNarrowed({ search, states, differing }: Choice): boolean {
  return search.trim() !== "" || states.size > 0 || differing;
}
