/**
 * What an artifact input can be beside a reference: an output of another template, a name in the store, a file of
 * this machine. Read and checked here as written; `take-in.ts` and `bind-step.ts` make bindings of it.
 */
import type { Json } from "../artifact.ts";
import { portInfo } from "../plugin/port.ts";
import { kindOf, whereAt, whereOfKey } from "../template/json-value.ts";
import { suggestOrList } from "../template/suggest.ts";
import type { Value } from "../template/template.ts";
import { fillIn } from "./bind-literal.ts";
import type { InputPlace } from "./bind-reference.ts";
import { portWords } from "./port-words.ts";
import { nameOf } from "./scope.ts";

export type ArtifactSource =
  | { from: "template"; template: string; output: string; params: { [name: string]: Json }; value: Value }
  | { from: "ref"; ref: string; output?: string; value: Value }
  | { from: "file"; file: string; value: Value };

const KEYS = {
  template: ["template", "output", "params"],
  ref: ["ref", "output"],
  file: ["file"],
} as const;

/** Undefined where the value is none, which was then said. */
export function readSource(place: InputPlace, value: Value): ArtifactSource | undefined {
  const { scope, step, input, port } = place;
  const json = fillIn(place, value);
  if (json === undefined) return undefined;
  const error = (path: string[], code: string, message: string, hint?: string) =>
    scope.diagnostics.error(whereAt(value, path), {
      code,
      message: `${nameOf(step)}: ${message}`,
      hint,
    });
  const kinds = kindsFor(place);
  if (!isMap(json)) {
    const quoted = typeof json === "string" ? `, or { ref: ${json} } for a name in the store` : "";
    error(
      [],
      "wrong-type",
      `"${input}" takes ${portWords(port)}, not ${kindOf(value)}`,
      `write a reference to a step's output${quoted || `, or ${kinds.map((kind) => `{ ${kind}: … }`).join(", ")}`}`,
    );
    return undefined;
  }
  const kind = kinds.find((candidate) => Object.hasOwn(json, candidate));
  if (!kind) {
    error(
      [],
      "wrong-value",
      `"${input}" must say where ${portWords(port)} comes from`,
      sourceHint(Object.keys(json), kinds),
    );
    return undefined;
  }
  let ok = true;
  for (const key of Object.keys(json).filter((name) => !(KEYS[kind] as readonly string[]).includes(name))) {
    ok = false;
    scope.diagnostics.error(whereOfKey(value, [], key), {
      code: "unknown-key",
      message: `${nameOf(step)}: ${input} with "${kind}" has no field "${key}"`,
      hint: suggestOrList(key, KEYS[kind], "fields"),
    });
  }
  const text = (key: string): string => {
    const part = json[key];
    if (typeof part === "string" && part !== "") return part;
    ok = false;
    if (part === undefined) error([], "missing-input", `${input}.${key} is missing`);
    else error([key], "wrong-type", `${input}.${key} must be a string that is not empty`);
    return "";
  };
  const source = readKind(kind, json, text, value);
  if (source.from === "template" && !isMap(json.params ?? {})) {
    ok = false;
    error(["params"], "wrong-type", `${input}.params must be a map of names to values`);
  }
  return ok ? source : undefined;
}

function readKind(
  kind: keyof typeof KEYS,
  json: { readonly [key: string]: Json },
  text: (key: string) => string,
  value: Value,
): ArtifactSource {
  if (kind === "file") return { from: "file", file: text("file"), value };
  if (kind === "ref")
    return { from: "ref", ref: text("ref"), ...("output" in json ? { output: text("output") } : {}), value };
  const params = (json.params ?? {}) as { [name: string]: Json };
  return { from: "template", template: text("template"), output: text("output"), params, value };
}

function kindsFor({ port }: InputPlace): (keyof typeof KEYS)[] {
  return portInfo(port).fileVia === undefined ? ["template", "ref"] : ["template", "ref", "file"];
}

function sourceHint(keys: readonly string[], kinds: readonly string[]): string {
  const near = keys.length > 0 ? suggestOrList(keys[0]!, kinds, "it has one of") : "";
  return near || `it has one of: ${kinds.join(", ")}`;
}

function isMap(json: Json): json is { readonly [key: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
