/**
 * The section `matrix` of a template: parameters with lists of values. Each combination of them is an instance of the
 * template; a step that depends on none of them is in the graph once.
 */
import type { Json } from "../artifact.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { asJson, kindOf } from "./json-value.ts";
import { faultOfValue } from "./param-type.ts";
import { paramWords } from "./params.ts";
import { suggestOrList } from "./suggest.ts";
import type { Entry, Located, MatrixAxis, TemplateParam } from "./template.ts";

/** Undefined where nothing can be made of it, which was then said. */
export function parseAxis(
  { key: name, keyWhere: where, value }: Entry,
  params: readonly TemplateParam[],
  diagnostics: Diagnostics,
): MatrixAxis | undefined {
  const param = params.find((candidate) => candidate.name === name);
  if (!param) {
    const names = params.map((candidate) => candidate.name);
    const message = `matrix: the template has no parameter "${name}"`;
    diagnostics.error(where, {
      code: "unknown-param",
      message,
      hint: suggestOrList(name, names, "parameters"),
    });
    return undefined;
  }
  if (value.kind !== "list" || value.items.length === 0) {
    const found = value.kind === "list" ? "an empty one" : kindOf(value);
    const message = `matrix: "${name}" must have a list of values, not ${found}`;
    diagnostics.error(value.where, { code: "wrong-type", message, hint: `${name}: [VALUE, VALUE]` });
    return undefined;
  }
  const values: Located<Json>[] = value.items.map((item) => ({
    value: asJson(item, (_, at) => {
      diagnostics.error(at, { code: "bad-reference", message: "a matrix has plain values alone" });
      return "";
    }),
    where: item.where,
  }));
  const labels = new Map<string, Json>();
  for (const { value: one, where: at } of values) {
    const fault = faultOfValue(one, param);
    const label = axisLabel(one);
    if (fault)
      diagnostics.error(at, {
        code: "wrong-value",
        message: `matrix: a value of "${name}" ${fault}`,
        hint: paramWords(param),
      });
    else if (labels.has(label))
      diagnostics.error(at, {
        code: "matrix-clash",
        message: `matrix: ${JSON.stringify(labels.get(label))} and ${JSON.stringify(one)} of "${name}" would both be called ${name}=${label}`,
        hint: "names of instances have letters, digits, '.', '_' and '-': give values that differ in these",
      });
    labels.set(label, one);
  }
  return { name, where, values };
}

/** A value as it stands in names: of steps, outputs and refs. */
export function axisLabel(value: Json): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.replace(/[^A-Za-z0-9._-]+/g, "_");
}
