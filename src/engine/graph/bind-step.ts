/** A step of a template → a node: every input bound to a value, to another node's output, or to a name. */
import { portInfo } from "../plugin/port.ts";
import type { StepType } from "../plugin/step.ts";
import { suggest, suggestOrList } from "../template/suggest.ts";
import type { Value } from "../template/template.ts";
import { type ArtifactSource, readSource } from "./artifact-source.ts";
import { bindLiteral } from "./bind-literal.ts";
import { bindReference, type InputPlace } from "./bind-reference.ts";
import type { GraphNode, InputBinding } from "./graph.ts";
import { portWords } from "./port-words.ts";
import { nameOf, type ScopedStep, type TemplateScope } from "./scope.ts";

/** Makes the binding of an artifact that comes from elsewhere, with whatever nodes that takes. */
export type BindSource = (place: InputPlace, source: ArtifactSource) => Promise<InputBinding | undefined>;

export async function bindStep(
  scope: TemplateScope,
  step: ScopedStep & { type: StepType },
  bindSource: BindSource,
): Promise<GraphNode> {
  const { type } = step;
  const misspelt = reportUnknownInputs(scope, step);
  const written = new Map(step.step.with.map((entry) => [entry.key, entry.value]));
  const inputs: Record<string, InputBinding> = {};
  for (const [input, port] of Object.entries(type.inputs)) {
    const place = { scope, step, input, port };
    const value = written.get(input);
    // What is missing because it is misspelt was said already.
    if (!value && misspelt.has(input)) continue;
    const binding = value ? await bindInput(place, value, bindSource) : bindDefault(place);
    if (binding) inputs[input] = binding;
  }
  const { timeoutMs } = step.step;
  return {
    id: step.id,
    uses: step.step.uses.value,
    kind: type.kind,
    inputs,
    needs: needsOf(scope, step, inputs),
    folder: scope.folder,
    where: step.step.where,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

async function bindInput(
  place: InputPlace,
  value: Value,
  bindSource: BindSource,
): Promise<InputBinding | undefined> {
  if (value.kind === "reference" && value.reference.to === "step")
    return bindReference(place, value.reference, value.where);
  const { kind } = portInfo(place.port);
  if (kind === undefined) return bindLiteral(place, value);
  if (kind === "artifact") {
    const source = readSource(place, value);
    return source && (await bindSource(place, source));
  }
  place.scope.diagnostics.error(value.where, {
    code: "wrong-type",
    message: `input "${place.input}" of ${nameOf(place.step)} takes ${portWords(place.port)}, which only a step can give`,
    hint: "write ${{ steps.STEP.OUTPUT }}",
  });
  return undefined;
}

/** What the schema makes of nothing; an input that needs a value is missing. */
function bindDefault({ scope, step, input, port }: InputPlace): InputBinding | undefined {
  const result = port.safeParse(undefined);
  const { where } = step.step;
  if (result.success)
    return result.data === undefined ? undefined : { from: "literal", value: result.data as never, where };
  scope.diagnostics.error(where, {
    code: "missing-input",
    message: `${nameOf(step)} needs input "${input}" (${port.description ?? portWords(port)})`,
    hint: `write it under with: of the step`,
  });
  return undefined;
}

/** Returns the inputs that were probably meant. */
function reportUnknownInputs(scope: TemplateScope, step: ScopedStep & { type: StepType }): Set<string> {
  const names = Object.keys(step.type.inputs);
  const meant = new Set<string>();
  for (const { key, keyWhere } of step.step.with) {
    if (Object.hasOwn(step.type.inputs, key)) continue;
    const near = suggest(key, names);
    if (near !== undefined) meant.add(near);
    scope.diagnostics.error(keyWhere, {
      code: "unknown-input",
      message: `${nameOf(step)} has no input "${key}"; it has: ${names.join(", ") || "none"}`,
      hint: near && `did you mean "${near}"?`,
    });
  }
  return meant;
}

/** What it reads, then what it is ordered after, each once. */
function needsOf(scope: TemplateScope, { step }: ScopedStep, inputs: Record<string, InputBinding>): string[] {
  const needs = new Set<string>();
  for (const binding of Object.values(inputs)) if (binding.from === "node") needs.add(binding.node);
  for (const { value: name, where } of step.needs) {
    const needed = scope.steps.get(name);
    if (needed) needs.add(needed.id);
    else
      scope.diagnostics.error(where, {
        code: "unknown-step",
        message: `there is no step "${name}"`,
        hint: suggestOrList(name, scope.steps.keys(), "steps"),
      });
  }
  return [...needs];
}
