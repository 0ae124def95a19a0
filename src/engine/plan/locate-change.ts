/** Where in the template a difference between two preimages belongs, and which file it is about. */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { GraphNode, InputBinding } from "../graph/graph.ts";
import type { Difference } from "../key/explain.ts";

export interface Place {
  where: Position;
  /** Of a difference of a file's digest: its path as the template has it. */
  file?: string;
}

export function placeOfDifference(node: GraphNode, { path }: Difference): Place {
  const [part, name = "", ...inner] = path;
  const binding = node.inputs[name];
  if (part === "with" && binding) return { where: innermost(binding, inner) };
  if (part === "inputs" && binding) return { where: binding.where };
  if (part === "resolved") return placeOfResolved(node, path.slice(1));
  return { where: node.where };
}

/** A step type resolves what one of its inputs names: under the name of the input, or under what the input says. */
function placeOfResolved(node: GraphNode, [name = "", ...inner]: readonly string[]): Place {
  const own = node.inputs[name];
  if (own?.from === "literal" && typeof own.value === "string") return { where: own.where, file: own.value };
  for (const word of inner)
    for (const input of Object.values(node.inputs)) {
      const path = input.from === "literal" ? pathOfText(input.value, word) : undefined;
      if (path) return { where: innermost(input, path), file: word };
    }
  return { where: node.where };
}

function innermost(binding: InputBinding, path: readonly string[]): Position {
  if (binding.from !== "literal") return binding.where;
  for (let depth = path.length; depth > 0; depth--) {
    const where = binding.positions?.[path.slice(0, depth).join(".")];
    if (where) return where;
  }
  return binding.where;
}

/** The path inside `value` at which the text `word` stands. */
function pathOfText(value: Json, word: string): string[] | undefined {
  if (value === word) return [];
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inside] of Object.entries(value)) {
    const path = pathOfText(inside as Json, word);
    if (path) return [key, ...path];
  }
  return undefined;
}
