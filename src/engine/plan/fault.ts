/** What is wrong with a node's inputs as far as that shows without building, put where the template says it. */
import type { Json } from "../artifact.ts";
import { type Position, TplError } from "../errors.ts";
import type { GraphNode } from "../graph/graph.ts";
import type { Known } from "../key/preimage.ts";
import { findTool } from "../key/tool-version.ts";
import type { Diagnostic } from "../template/diagnostic.ts";
import { contextOf, type EvaluateOptions, planValues, resolveRefs, stepTypeOf } from "./evaluate.ts";

interface Found {
  known: ReadonlyMap<string, Known>;
  diagnostics: readonly Diagnostic[];
}

/** What would make a node that has to run fail for certain: a tool that is not there, inputs its step type refuses. */
export async function faultsOf(
  node: GraphNode,
  found: Found,
  options: EvaluateOptions,
): Promise<Diagnostic[]> {
  const { type } = await stepTypeOf(node, options.types);
  const missing: Diagnostic[] = Object.keys(type.tools ?? {})
    .filter((tool) => !findTool(tool))
    .map((tool) => ({
      code: "tool-missing",
      severity: "error",
      message: `step "${node.id}" (${node.uses}) runs ${tool}, which is not installed`,
      hint: "tplgraph doctor says which package has it",
      where: node.where,
    }));
  return [...missing, ...(await inputFaults(node, found, options))];
}

/** What its step type refuses of the inputs that are known: certain also for a node that waits for others. */
export async function inputFaults(
  node: GraphNode,
  { known, diagnostics }: Found,
  options: EvaluateOptions,
): Promise<Diagnostic[]> {
  const { type } = await stepTypeOf(node, options.types);
  const faults: Diagnostic[] = [];
  if (!type.check || diagnostics.some((diagnostic) => diagnostic.where === node.where)) return faults;
  try {
    const values = planValues(node, known, await resolveRefs(node, options));
    for (const issue of await type.check(values, contextOf(node, options)))
      faults.push({
        code: issue.code,
        severity: "error",
        message: `step "${node.id}" (${node.uses}): ${issue.message}`,
        ...(issue.hint ? { hint: issue.hint } : {}),
        where: positionOf(node, issue.path),
      });
  } catch (error) {
    faults.push(faultAt(node, error));
  }
  return faults;
}

/** An error of `resolve` or `check`, put where its cause stands in the template as well as that is known. */
export function faultAt(node: GraphNode, error: unknown): Diagnostic {
  if (!(error instanceof TplError)) throw error;
  return {
    code: error.code,
    severity: "error",
    message: `step "${node.id}" (${node.uses}): ${error.message}`,
    ...(error.hint ? { hint: error.hint } : {}),
    where: error.where ?? placeOf(node, error.message) ?? node.where,
  };
}

/** The value in the template that `message` speaks of: a name, or a text inside a literal. */
function placeOf(node: GraphNode, message: string): Position | undefined {
  for (const input of Object.values(node.inputs)) {
    if (input.from === "ref" && message.includes(input.ref)) return input.where;
    if (input.from !== "literal") continue;
    const path = pathOfText(input.value, message, []);
    if (path) return input.positions?.[path.join(".")] ?? input.where;
  }
  return undefined;
}

function pathOfText(value: Json, message: string, path: string[]): string[] | undefined {
  if (typeof value === "string") return value !== "" && message.includes(value) ? path : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = pathOfText(inner as Json, message, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

function positionOf(node: GraphNode, path: readonly (string | number)[]) {
  const binding = node.inputs[String(path[0])];
  if (!binding) return node.where;
  const inner = binding.from === "literal" ? binding.positions?.[path.slice(1).join(".")] : undefined;
  return inner ?? binding.where;
}
