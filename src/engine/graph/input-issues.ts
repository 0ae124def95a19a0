/** What a schema says against a value (zod's issues), in plain words and at the place of the offending part. */
import type * as z from "zod";
import type { Json } from "../artifact.ts";
import { kindOfJson, whereAt, whereOfKey } from "../template/json-value.ts";
import { suggest, suggestOrList } from "../template/suggest.ts";
import type { Value } from "../template/template.ts";
import type { InputPlace } from "./bind-reference.ts";
import { elementOf, fieldsOf } from "./port-words.ts";
import { nameOf } from "./scope.ts";

type Issue = z.core.$ZodIssue;

export function reportIssues(place: InputPlace, value: Value, json: Json, issues: readonly Issue[]): void {
  for (const issue of issues) reportIssue(place, value, json, issue);
}

function reportIssue(place: InputPlace, value: Value, json: Json, issue: Issue): void {
  const { scope, step, input } = place;
  const name = `${nameOf(step)}: ${pathWords(input, issue.path)}`;
  const where = whereAt(value, issue.path);
  const actual = jsonAt(json, issue.path);
  if (actual === undefined) {
    scope.diagnostics.error(where, { code: "missing-input", message: `${name} is missing` });
    return;
  }
  const kind = wantedKind(issue);
  if (kind !== undefined && kind !== kindWord(actual)) {
    scope.diagnostics.error(where, {
      code: "wrong-type",
      message: `${name} is ${shown(actual)}, where ${kind} belongs`,
      hint: kind === "a string" ? quoteHint(actual) : undefined,
    });
    return;
  }
  switch (issue.code) {
    case "unrecognized_keys": {
      const fields = Object.keys(fieldsAt(place.port, issue.path) ?? {});
      for (const key of issue.keys)
        scope.diagnostics.error(whereOfKey(value, issue.path, key), {
          code: "unknown-key",
          message: `${name} has no field "${key}"`,
          hint: suggestOrList(key, fields, "fields"),
        });
      return;
    }
    case "invalid_value": {
      const near = typeof actual === "string" && suggest(actual, issue.values.map(String));
      scope.diagnostics.error(where, {
        code: "wrong-value",
        message: `${name} must be ${oneOf(issue.values.map(String))}, not ${shown(actual)}`,
        hint: near ? `did you mean "${near}"?` : undefined,
      });
      return;
    }
    case "invalid_union": {
      const branch = nearestBranch(issue.errors, actual);
      if (branch) {
        for (const inner of branch)
          reportIssue(place, value, json, { ...inner, path: [...issue.path, ...inner.path] });
        return;
      }
      const kinds = issue.errors.map((errors) => (errors[0] ? wantedKind(errors[0]) : undefined));
      const words = [...new Set(kinds.filter((word) => word !== undefined))];
      scope.diagnostics.error(where, {
        code: words.length > 0 ? "wrong-type" : "wrong-value",
        message:
          words.length > 0
            ? `${name} is ${shown(actual)}, where ${words.join(" or ")} belongs`
            : `${name} is ${shown(actual)}, which it cannot be`,
      });
      return;
    }
    default: {
      const inner = "issues" in issue ? issue.issues[0]?.message : undefined;
      scope.diagnostics.error(where, {
        code: "wrong-value",
        message: `${name}${sentence(inner ?? issue.message)} (it is ${shown(actual)})`,
      });
    }
  }
}

/** `files[0].mode`. */
function pathWords(input: string, path: readonly PropertyKey[]): string {
  return input + path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
}

function jsonAt(json: Json, path: readonly PropertyKey[]): Json | undefined {
  let at: Json | undefined = json;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, Json>)[key];
  }
  return at;
}

/** The kind of value that an issue asks for, where that is what it is about. */
function wantedKind(issue: Issue): string | undefined {
  if (issue.code === "invalid_type") return KINDS[issue.expected];
  if (issue.code !== "invalid_value") return undefined;
  return issue.values.every((value) => typeof value === "string") ? "a string" : undefined;
}

const KINDS: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
  null: "nothing",
};

function kindWord(json: Json): string {
  return typeof json === "boolean" ? "true or false" : kindOfJson(json);
}

/** `7, a number`; long values by their kind alone. */
function shown(json: Json): string {
  const text = JSON.stringify(json);
  if (json === null || typeof json === "boolean" || text.length > 60) return kindOfJson(json);
  return `${text}, ${kindOfJson(json)}`;
}

function quoteHint(json: Json): string | undefined {
  return typeof json === "number" || typeof json === "boolean" ? `write it in quotes: "${json}"` : undefined;
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? `"${words[0]}"` : `one of ${words.join(", ")}`;
}

/** Of a union, what the alternative says that the value comes nearest to: one that takes its kind of value. */
function nearestBranch(errors: readonly Issue[][], actual: Json): Issue[] | undefined {
  return errors.find((branch) =>
    branch.every((issue) => {
      const kind = issue.path.length === 0 ? wantedKind(issue) : undefined;
      return kind === undefined || kind === kindWord(actual);
    }),
  );
}

/** Authors write messages that go on from the name (`must be at least 8 MiB`); zod's own are sentences. */
function sentence(message: string): string {
  if (/^[a-z]/.test(message)) return ` ${message}`;
  return `: ${message[0]?.toLowerCase() ?? ""}${message.slice(1)}`;
}

function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): Record<string, z.ZodType> | undefined {
  let at: z.ZodType | undefined = schema;
  for (const key of path) {
    if (!at) return undefined;
    at = typeof key === "number" ? elementOf(at, "in") : fieldsOf(at, "in")?.[String(key)];
  }
  return at && fieldsOf(at, "in");
}
