/**
 * The parameters of a template with the values in force: its defaults, and over them what was given, by
 * `-p NAME=TEXT` or by the template that takes this one in. A default's type is the parameter's type.
 */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { kindOfJson } from "./json-value.ts";
import { startOf } from "./read.ts";
import { suggestOrList } from "./suggest.ts";
import type { Template, TemplateParam } from "./template.ts";

export type Given =
  /** From the command line: read as the parameter's type has it. */
  | { text: string }
  /** From a template, typed already. `where` is the value's place, `nameWhere` that of its name. */
  | { json: Json; where: Position; nameWhere: Position };

export function paramsInForce(
  template: Template,
  given: ReadonlyMap<string, Given>,
  diagnostics: Diagnostics,
): Map<string, Json> {
  const names = template.params.map((param) => param.name);
  for (const [name, value] of given)
    if (!names.includes(name))
      diagnostics.error(
        "json" in value ? value.nameWhere : (template.paramsWhere ?? startOf(template.file)),
        {
          code: "unknown-param",
          message: `template "${template.name}" has no parameter "${name}"`,
          hint: suggestOrList(name, names, "parameters"),
        },
      );
  return new Map(
    template.params.map((param) => {
      const value = given.get(param.name);
      return [param.name, value ? typedValue(param, value, diagnostics) : param.default];
    }),
  );
}

function typedValue(param: TemplateParam, given: Given, diagnostics: Diagnostics): Json {
  const json = "json" in given ? given.json : read(given.text, param.default);
  if (json !== undefined && typeName(json) === typeName(param.default)) return json;
  diagnostics.error("json" in given ? given.where : param.where, {
    code: "wrong-type",
    message: `parameter "${param.name}" is ${typeName(param.default)}, and was given ${
      "json" in given ? `${JSON.stringify(given.json)}, ${kindOfJson(given.json)}` : `"${given.text}"`
    }`,
    hint: `its default is ${JSON.stringify(param.default)}`,
  });
  return param.default;
}

/** The text as a value of the default's type; undefined where it is none. */
function read(text: string, sample: Json): Json | undefined {
  if (typeof sample === "string") return text;
  if (typeof sample === "number") {
    const number = text.trim() === "" ? Number.NaN : Number(text);
    return Number.isFinite(number) ? number : undefined;
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function typeName(json: Json): string {
  return typeof json === "boolean" ? "true or false" : kindOfJson(json);
}
