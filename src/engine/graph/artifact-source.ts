/**
 * What an artifact input can be beside a reference: an output of another template, a name in the store, a file of
 * this machine. Read here as it is written; `assembly.ts` makes
 * bindings of it.
 */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import { portInfo } from "../plugin/port.ts";
import type { DiagnosticText } from "../template/diagnostic.ts";
import { kindOf, whereAt, whereOfKey } from "../template/json-value.ts";
import { suggestOrList } from "../template/suggest.ts";
import type { Value } from "../template/template.ts";
import { fillIn } from "./bind-literal.ts";
import type { InputPlace } from "./bind-reference.ts";
import { portWords } from "./port-words.ts";
import { nameOf } from "./scope.ts";

export type ArtifactSource = { value: Value } & (
  | { from: "template"; template: string; output: string; params: { readonly [name: string]: Json } }
  | { from: "ref"; ref: string; output?: string }
  | { from: "file"; file: string }
);

type SourceKind = ArtifactSource["from"];
const SOURCE_KINDS: readonly SourceKind[] = ["template", "ref", "file"];
const FIELDS: Record<SourceKind, readonly string[]> = {
  template: ["template", "output", "params"],
  ref: ["ref", "output"],
  file: ["file"],
};

/** Undefined where the value is none, which was then said. */
export function readSource(place: InputPlace, value: Value): ArtifactSource | undefined {
  const json = fillIn(place, value);
  if (json === undefined) return undefined;
  const kind = kindOfSource(place, value, json);
  if (!kind) return undefined;
  const fields = new Fields(place, value, json as { readonly [key: string]: Json }, kind);
  const source = sourceOf(kind, fields);
  return fields.sound ? { ...source, value } : undefined;
}

function sourceOf(kind: SourceKind, fields: Fields) {
  switch (kind) {
    case "template":
      return {
        from: kind,
        template: fields.text("template"),
        output: fields.text("output"),
        params: fields.params(),
      };
    case "ref":
      return {
        from: kind,
        ref: fields.text("ref"),
        ...(fields.has("output") ? { output: fields.text("output") } : {}),
      };
    case "file":
      return { from: kind, file: fields.text("file") };
  }
}

function kindOfSource(
  { scope, step, input, port }: InputPlace,
  value: Value,
  json: Json,
): SourceKind | undefined {
  const kinds = SOURCE_KINDS.filter((kind) => kind !== "file" || portInfo(port).fileVia !== undefined);
  if (!isMap(json)) {
    const forms = kinds.map((kind) => `{ ${kind}: … }`).join(", ");
    scope.diagnostics.error(value.where, {
      code: "wrong-type",
      message: `${nameOf(step)}: "${input}" takes ${portWords(port)}, not ${kindOf(value)}`,
      hint: `write a reference to a step's output, or ${typeof json === "string" ? `{ ref: ${json} } for a name in the store` : forms}`,
    });
    return undefined;
  }
  const kind = kinds.find((candidate) => Object.hasOwn(json, candidate));
  if (!kind)
    scope.diagnostics.error(value.where, {
      code: "wrong-value",
      message: `${nameOf(step)}: "${input}" must say where ${portWords(port)} comes from`,
      hint: suggestOrList(Object.keys(json)[0] ?? "", kinds, "it has one of"),
    });
  return kind;
}

/** Reads the fields of a source; what is wrong with them is said, and the source no longer `sound`. */
class Fields {
  sound = true;
  readonly #place: InputPlace;
  readonly #value: Value;
  readonly #json: { readonly [key: string]: Json };

  constructor(place: InputPlace, value: Value, json: { readonly [key: string]: Json }, kind: SourceKind) {
    this.#place = place;
    this.#value = value;
    this.#json = json;
    for (const key of Object.keys(json))
      if (!FIELDS[kind].includes(key))
        this.#error(whereOfKey(value, [], key), {
          code: "unknown-key",
          message: `"${kind}" has no field "${key}" beside it`,
          hint: suggestOrList(key, FIELDS[kind], "fields"),
        });
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#json, key);
  }

  text(key: string): string {
    const text = this.#json[key];
    if (typeof text === "string" && text !== "") return text;
    const where = whereAt(this.#value, [key]);
    if (text === undefined) this.#error(where, { code: "missing-input", message: `.${key} is missing` });
    else this.#error(where, { code: "wrong-type", message: `.${key} must be a string that is not empty` });
    return "";
  }

  params(): { readonly [name: string]: Json } {
    const params = this.#json.params ?? {};
    if (isMap(params)) return params;
    const message = ".params must be a map of names to values";
    this.#error(whereAt(this.#value, ["params"]), { code: "wrong-type", message });
    return {};
  }

  /** A message that begins with a dot goes on from the input's name. */
  #error(where: Position, { code, message, hint }: DiagnosticText): void {
    this.sound = false;
    const { scope, step, input } = this.#place;
    const separator = message.startsWith(".") ? "" : ": ";
    scope.diagnostics.error(where, {
      code,
      message: `${nameOf(step)}: ${input}${separator}${message}`,
      hint,
    });
  }
}

function isMap(json: Json): json is { readonly [key: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
