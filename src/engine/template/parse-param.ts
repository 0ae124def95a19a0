/**
 * The section `params` of a template. A parameter is written as its default, whose type it then has, or as a map with
 * its `type` and what else there is to say of it.
 */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { asJson, kindOf, whereAt } from "./json-value.ts";
import {
  faultOfValue,
  PARAM_TYPES,
  type ParamRule,
  type ParamType,
  ruleWords,
  typeOfDefault,
} from "./param-type.ts";
import { suggestOrList } from "./suggest.ts";
import type { Entry, TemplateParam, Value } from "./template.ts";

const KEYS = ["type", "default", "description", "enum", "min", "max"];

/** Undefined where nothing can be made of it, which was then said. */
export function parseParam(entry: Entry, diagnostics: Diagnostics): TemplateParam | undefined {
  const { value } = entry;
  if (value.kind === "map" && isDeclaration(value.entries))
    return declared(entry, value.entries, diagnostics);
  const json = literal(entry, value, diagnostics);
  if (json !== null)
    return { name: entry.key, where: entry.keyWhere, type: typeOfDefault(json), default: json };
  diagnostics.error(entry.keyWhere, {
    code: "missing-default",
    message: `parameter "${entry.key}" has neither a default nor a type`,
    hint: "write a default, which is also its type, or { type: string } for one that must be given",
  });
  return undefined;
}

/** A map that is a default has other keys: one with these alone lacks its type. */
function isDeclaration(entries: readonly Entry[]): boolean {
  const keys = entries.map(({ key }) => key);
  return keys.includes("type") || (keys.length > 0 && keys.every((key) => KEYS.includes(key)));
}

function declared(
  { key: name, keyWhere: where, value }: Entry,
  entries: readonly Entry[],
  diagnostics: Diagnostics,
): TemplateParam | undefined {
  const error = (at: Position, code: string, message: string, hint?: string) =>
    diagnostics.error(at, { code, message: `parameter "${name}" ${message}`, hint });
  for (const { key, keyWhere } of entries)
    if (!KEYS.includes(key))
      error(keyWhere, "unknown-key", `has no key "${key}"`, suggestOrList(key, KEYS, "its keys"));
  const fields = new Map(entries.map((entry) => [entry.key, entry.value]));
  const type = typeIn(fields.get("type"), where, error);
  if (!type) return undefined;
  const json = (key: string) => {
    const field = fields.get(key);
    return field && literal({ key: name, keyWhere: where, value }, field, diagnostics);
  };
  const rule: ParamRule = { type };
  const allowed = json("enum");
  if (Array.isArray(allowed) && allowed.length > 0) rule.enum = allowed as Json[];
  else if (allowed !== undefined)
    error(whereAt(value, ["enum"]), "wrong-type", "has an enum that is no list of values");
  for (const limit of ["min", "max"] as const) {
    const number = json(limit);
    if (typeof number === "number" && (type === "integer" || type === "number")) rule[limit] = number;
    else if (number !== undefined)
      error(
        whereAt(value, [limit]),
        "wrong-type",
        `has a ${limit}, which must be a number, and is for numbers alone`,
      );
  }
  if (rule.min !== undefined && rule.max !== undefined && rule.min > rule.max)
    error(whereAt(value, ["max"]), "wrong-value", `has a max below its min`);
  for (const [place, one] of (rule.enum ?? []).entries()) {
    const fault = faultOfValue(one, { type });
    if (fault) error(whereAt(value, ["enum", place]), "wrong-type", `has a value in its enum that ${fault}`);
  }
  const description = json("description");
  if (description !== undefined && typeof description !== "string")
    error(whereAt(value, ["description"]), "wrong-type", "has a description that is no string");
  const given = json("default");
  const fault = given === undefined ? undefined : faultOfValue(given, rule);
  if (fault)
    error(
      whereAt(value, ["default"]),
      "wrong-value",
      `has a default that ${fault}`,
      `it is ${ruleWords(rule)}`,
    );
  return {
    name,
    where,
    ...rule,
    ...(typeof description === "string" ? { description } : {}),
    ...(given === undefined ? {} : { default: given }),
  };
}

function typeIn(
  value: Value | undefined,
  where: Position,
  error: (at: Position, code: string, message: string, hint?: string) => void,
): ParamType | undefined {
  const types = PARAM_TYPES.join(", ");
  if (!value) error(where, "missing-key", "does not say its type", `type: one of ${types}`);
  else {
    const word = value.kind === "scalar" ? value.value : undefined;
    const type = PARAM_TYPES.find((candidate) => candidate === word);
    if (type) return type;
    const found = typeof word === "string" ? `"${word}"` : kindOf(value);
    error(
      value.where,
      "wrong-value",
      `cannot have ${found} for its type`,
      suggestOrList(String(word), PARAM_TYPES, "types"),
    );
  }
  return undefined;
}

function literal({ key }: Entry, value: Value, diagnostics: Diagnostics): Json {
  return asJson(value, (_, where) => {
    diagnostics.error(where, {
      code: "bad-reference",
      message: `what is said of parameter "${key}" cannot refer to anything`,
    });
    return "";
  });
}
