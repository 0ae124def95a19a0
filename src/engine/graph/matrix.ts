/** The instances of a template with a matrix, and which of its values each step depends on. */
import type { Json } from "../artifact.ts";
import type { Diagnostics } from "../template/diagnostic.ts";
import { type Given, givenValue } from "../template/params.ts";
import { axisLabel } from "../template/parse-axis.ts";
import type { Reference } from "../template/reference.ts";
import type { MatrixAxis, Template, TemplateStep, Value } from "../template/template.ts";

/** One combination: the value of each axis, in the order of the template. */
export type Combination = ReadonlyMap<string, Json>;

const MOST_INSTANCES = 10_000;
/** A tag has at most 128 characters, and has another one before this. */
const LONGEST_NAME = 100;

/** Every combination, the last axis changing fastest. What was given for an axis takes the place of its values. */
export function combinations(
  template: Template,
  given: ReadonlyMap<string, Given>,
  diagnostics: Diagnostics,
): Combination[] {
  let all: Map<string, Json>[] = [new Map()];
  for (const axis of template.matrix) {
    const values = valuesOf(axis, template, given, diagnostics);
    if (all.length * values.length > MOST_INSTANCES) {
      const message = `the matrix has more than ${MOST_INSTANCES} instances`;
      diagnostics.error(axis.where, { code: "too-large", message });
      return [];
    }
    all = all.flatMap((before) => values.map((value) => new Map(before).set(axis.name, value)));
  }
  const long = all.find((combination) => instanceName(combination).length > LONGEST_NAME);
  if (long)
    diagnostics.error(template.matrix[0]!.where, {
      code: "too-large",
      message: `the matrix has an instance whose name is longer than ${LONGEST_NAME} characters: ${instanceName(long)}`,
      hint: "give its parameters shorter names or values",
    });
  reportClash(all, template, diagnostics);
  return all;
}

/** Names keep `=` and `,` apart from what values have; tags cannot. */
function reportClash(all: readonly Combination[], { matrix }: Template, diagnostics: Diagnostics): void {
  const tags = new Map<string, string>();
  for (const combination of all) {
    const name = instanceName(combination);
    const tag = instanceTag("latest", name);
    const other = tags.get(tag);
    tags.set(tag, name);
    if (other === undefined) continue;
    diagnostics.error(matrix[0]!.where, {
      code: "matrix-clash",
      message: `the matrix has two instances that would both be tagged ${tag}: ${other} and ${name}`,
      hint: "give values without - and _ that look like another parameter",
    });
    return;
  }
}

function valuesOf(
  { name, values }: MatrixAxis,
  template: Template,
  given: ReadonlyMap<string, Given>,
  diagnostics: Diagnostics,
): Json[] {
  const one = given.get(name);
  const param = template.params.find((candidate) => candidate.name === name)!;
  const value = one && givenValue(param, one, diagnostics);
  return value === undefined ? values.map((listed) => listed.value) : [value];
}

/** `diskMiB=2048,python=3.11`. */
export function instanceName(
  combination: Combination,
  axes: ReadonlySet<string> = new Set(combination.keys()),
): string {
  return [...combination]
    .filter(([axis]) => axes.has(axis))
    .map(([axis, value]) => `${axis}=${axisLabel(value)}`)
    .join(",");
}

/** The tag that an instance's outputs are given where the whole template's would be given `tag`. */
export function instanceTag(tag: string, instance: string): string {
  const own = instance.replaceAll("=", "-").replaceAll(",", "_");
  return tag === "latest" ? own : `${tag}-${own}`;
}

/** By step: the axes that it depends on, itself or through the steps that it stands on. Empty without a matrix. */
export function axesOfSteps({ matrix, steps }: Template): Map<string, ReadonlySet<string>> {
  if (matrix.length === 0) return new Map();
  const axisNames = new Set(matrix.map(({ name }) => name));
  const axes = new Map<string, Set<string>>(steps.map((step) => [step.name, new Set()]));
  const readers = new Map<string, string[]>(steps.map((step) => [step.name, []]));
  const open: string[] = [];
  for (const step of steps) {
    for (const reference of referencesOf(step)) {
      if (reference.to === "param") {
        if (axisNames.has(reference.param)) axes.get(step.name)!.add(reference.param);
      } else readers.get(reference.step)?.push(step.name);
    }
    for (const { value } of step.needs) readers.get(value)?.push(step.name);
    if (axes.get(step.name)!.size > 0) open.push(step.name);
  }
  for (let name = open.pop(); name !== undefined; name = open.pop())
    for (const reader of readers.get(name) ?? []) {
      const known = axes.get(reader)!;
      const before = known.size;
      for (const axis of axes.get(name)!) known.add(axis);
      if (known.size > before) open.push(reader);
    }
  return axes;
}

function referencesOf(step: TemplateStep): Reference[] {
  const found: Reference[] = [];
  const open: Value[] = step.with.map(({ value }) => value);
  for (let value = open.pop(); value; value = open.pop()) {
    if (value.kind === "reference") found.push(value.reference);
    else if (value.kind === "text")
      for (const part of value.parts) if (typeof part !== "string") found.push(part.value);
    if (value.kind === "list") open.push(...value.items);
    if (value.kind === "map") open.push(...value.entries.map((entry) => entry.value));
  }
  return found;
}
