/**
 * The parameters of a template with the values in force: its defaults, and over them what was given, by
 * `-p NAME=TEXT`, by `--params FILE`, or by the template that takes this one in.
 */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { faultOfValue, readText, ruleWords } from "./param-type.ts";
import { startOf } from "./read.ts";
import { suggest } from "./suggest.ts";
import type { Template, TemplateParam } from "./template.ts";

export type Given =
  /** From the command line: read as the parameter's type has it. */
  | { text: string }
  /** From a file, typed already. `where` is the value's place, `nameWhere` that of its name. */
  | { json: Json; where: Position; nameWhere: Position };

/** A parameter that has no value is left out, which was said. */
export function paramsInForce(
  template: Template,
  given: ReadonlyMap<string, Given>,
  diagnostics: Diagnostics,
): Map<string, Json> {
  reportUnknownParams(template, given, diagnostics);
  const inForce = new Map<string, Json>();
  for (const param of template.params) {
    const value = given.get(param.name);
    if (!value && param.default === undefined) reportMissing(template, param, diagnostics);
    const json = value ? givenValue(param, value, diagnostics) : param.default;
    if (json !== undefined) inForce.set(param.name, json);
  }
  return inForce;
}

/** What stands in a hint: every parameter with what it takes. */
function listOfParams({ params }: Pick<Template, "params">): string {
  if (params.length === 0) return "it has no parameters";
  return `its parameters: ${params.map(paramWords).join("; ")}`;
}

/** `diskMiB, a whole number from 64 to 4096 (2048): the disk's size`. */
export function paramWords(param: TemplateParam): string {
  const value = param.default === undefined ? "must be given" : JSON.stringify(param.default);
  return `${param.name}, ${ruleWords(param)} (${value})${param.description === undefined ? "" : `: ${param.description}`}`;
}

function reportUnknownParams(
  template: Template,
  given: ReadonlyMap<string, Given>,
  diagnostics: Diagnostics,
): void {
  const names = template.params.map((param) => param.name);
  for (const [name, value] of given) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    diagnostics.error("json" in value ? value.nameWhere : (template.paramsWhere ?? startOf(template.file)), {
      code: "unknown-param",
      message: `${"json" in value ? "" : `-p ${name}: `}template "${template.name}" has no parameter "${name}"`,
      hint: `${near === undefined ? "" : `did you mean "${near}"? `}${listOfParams(template)}`,
    });
  }
}

/** Falls back on the default where the value is wrong, which is then all that was said of it. */
export function givenValue(param: TemplateParam, given: Given, diagnostics: Diagnostics): Json | undefined {
  const json = "json" in given ? given.json : readText(given.text, param.type);
  const fault = json === undefined ? `must be ${ruleWords(param)}` : faultOfValue(json, param);
  if (fault === undefined) return json;
  diagnostics.error("json" in given ? given.where : param.where, {
    code:
      json !== undefined && faultOfValue(json, { type: param.type }) === undefined
        ? "wrong-value"
        : "wrong-type",
    message: `${"json" in given ? "" : `-p ${param.name}=${given.text}: `}parameter "${param.name}" ${fault}`,
    hint: paramWords(param),
  });
  return param.default;
}

function reportMissing(template: Template, param: TemplateParam, diagnostics: Diagnostics): void {
  diagnostics.error(param.where, {
    code: "missing-param",
    message: `template "${template.name}" needs parameter "${param.name}" (${ruleWords(param)})${
      param.description === undefined ? "" : `: ${param.description}`
    }`,
    hint: `give it: -p ${param.name}=VALUE, in a file with --params FILE, or under params: of the template that takes this one in`,
  });
}
