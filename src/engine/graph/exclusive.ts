/**
 * Resources that one consumer has to itself: because its output says so (`exclusive`), or because a consumer's
 * input does. A second consumer is an error here, with both places, and not an EBUSY in the middle of a build.
 */
import type { Position } from "../errors.ts";
import { portInfo } from "../plugin/port.ts";
import type { Diagnostics } from "../template/diagnostic.ts";
import type { GraphNode, InputBinding } from "./graph.ts";
import { nameOf, type ScopedStep } from "./scope.ts";

interface Use {
  step: ScopedStep;
  exclusive: boolean;
  where: Position;
}

export function checkSharing(
  nodes: readonly GraphNode[],
  stepOf: ReadonlyMap<string, ScopedStep>,
  diagnostics: Diagnostics,
): void {
  for (const { producer, output, uses } of usesOf(nodes, stepOf)) {
    if (uses.length < 2) continue;
    const alone = portInfo(producer.type!.outputs[output]!).sharing === "exclusive";
    const holder = alone ? uses[0] : uses.find((use) => use.exclusive);
    if (!holder) continue;
    for (const use of uses) {
      if (use === holder) continue;
      const [first, second] = uses.indexOf(use) < uses.indexOf(holder) ? [use, holder] : [holder, use];
      diagnostics.error(second.where, {
        code: "exclusive-twice",
        message: `${nameOf(second.step)} and ${nameOf(first.step)} both use output "${output}" of ${nameOf(producer)}, which ${alone ? "bears one user" : `${nameOf(holder.step)} must have to itself`}`,
        hint: `the other place is ${first.where.file}:${first.where.line}:${first.where.column}; give each a resource of its own`,
      });
    }
  }
}

/** Every output of a resource with who uses it, in the order of the nodes. */
function usesOf(nodes: readonly GraphNode[], stepOf: ReadonlyMap<string, ScopedStep>) {
  const outputs = new Map<string, { producer: ScopedStep; output: string; uses: Use[] }>();
  for (const node of nodes)
    for (const binding of Object.values(node.inputs)) {
      if (!isResource(binding)) continue;
      const id = `${binding.node}\n${binding.output}`;
      const { node: producer, output } = binding;
      const entry = outputs.get(id) ?? { producer: stepOf.get(producer)!, output, uses: [] };
      outputs.set(id, entry);
      entry.uses.push({
        step: stepOf.get(node.id)!,
        exclusive: binding.sharing === "exclusive",
        where: binding.where,
      });
    }
  return outputs.values();
}

function isResource(binding: InputBinding): binding is InputBinding & { from: "node" } {
  return binding.from === "node" && binding.sharing !== undefined;
}
