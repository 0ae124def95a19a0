/** Steps that no output of the template stands on: nothing asks for them, so they are never built. */
import type { Diagnostics } from "../template/diagnostic.ts";
import type { Template } from "../template/template.ts";
import type { GraphNode, GraphOutput } from "./graph.ts";
import { reachable } from "./reachable.ts";
import type { ScopedStep } from "./scope.ts";

/** A template without outputs builds every step that no other one reads: all are used then. */
export function reportUnusedSteps(
  template: Template,
  nodes: readonly GraphNode[],
  {
    outputs,
    stepOf,
  }: { outputs: Readonly<Record<string, GraphOutput>>; stepOf: ReadonlyMap<string, ScopedStep> },
  diagnostics: Diagnostics,
): void {
  if (template.outputs.length === 0) return;
  const reached = reachable(
    nodes,
    Object.values(outputs).map(({ node }) => node),
  );
  const used = new Set([...reached].map((id) => stepOf.get(id)!.step));
  for (const step of template.steps) {
    const { name, where } = step;
    if (!used.has(step))
      diagnostics.warning(where, {
        code: "unused-step",
        message: `no output of the template needs step "${name}": it is never built`,
        hint: "name it under needs: of a step, or under outputs:",
      });
  }
}
