/** Values of a template as JSON, and in plain words. */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { Reference } from "./reference.ts";
import type { Value } from "./template.ts";

/** What a reference stands for. `inText`: it stands in a longer string. */
export type Resolve = (reference: Reference, where: Position, place: { inText: boolean }) => Json;

/**
 * The JSON of a value with its references replaced by what `resolve` makes of them: a whole-value one keeps its
 * type, one in a string is written into it.
 */
export function asJson(value: Value, resolve: Resolve): Json {
  switch (value.kind) {
    case "scalar":
      return value.value;
    case "reference":
      return resolve(value.reference, value.where, { inText: false });
    case "text":
      return value.parts
        .map((part) =>
          typeof part === "string" ? part : written(resolve(part.value, part.where, { inText: true })),
        )
        .join("");
    case "list":
      return value.items.map((item) => asJson(item, resolve));
    case "map":
      return Object.fromEntries(value.entries.map((entry) => [entry.key, asJson(entry.value, resolve)]));
  }
}

function written(json: Json): string {
  return typeof json === "string" ? json : JSON.stringify(json);
}

/** Where the value at `path` inside `value` stands, or the innermost one on the way to it. */
export function whereAt(value: Value, path: readonly PropertyKey[]): Position {
  return innermost(value, path).where;
}

/** Where the key `key` of the map at `path` stands. */
export function whereOfKey(value: Value, path: readonly PropertyKey[], key: string): Position {
  const map = innermost(value, path);
  const entry = map.kind === "map" ? map.entries.find((candidate) => candidate.key === key) : undefined;
  return entry?.keyWhere ?? map.where;
}

function innermost(value: Value, path: readonly PropertyKey[]): Value {
  let at = value;
  for (const key of path) {
    const next = childOf(at, key);
    if (!next) return at;
    at = next;
  }
  return at;
}

function childOf(value: Value, key: PropertyKey): Value | undefined {
  if (value.kind === "map") return value.entries.find((entry) => entry.key === key)?.value;
  return value.kind === "list" ? value.items[Number(key)] : undefined;
}

/** Where the values inside `value` stand, by their paths joined with dots; empty for what is one value. */
export function innerPositions(value: Value): Record<string, Position> {
  const positions: [string, Position][] = [];
  const visit = (at: Value, path: string[]) => {
    if (path.length > 0) positions.push([path.join("."), at.where]);
    if (at.kind === "map") for (const entry of at.entries) visit(entry.value, [...path, entry.key]);
    if (at.kind === "list")
      at.items.forEach((item, index) => {
        visit(item, [...path, String(index)]);
      });
  };
  visit(value, []);
  return Object.fromEntries(positions);
}

/** `a number`, `a list`, in the words of the diagnostics. */
export function kindOf(value: Value): string {
  if (value.kind === "list") return "a list";
  if (value.kind === "map") return "a map";
  if (value.kind === "reference") return "a reference";
  if (value.kind === "text") return "a string";
  return kindOfJson(value.value);
}

export function kindOfJson(json: Json): string {
  if (json === null) return "nothing";
  if (typeof json === "boolean") return String(json);
  if (typeof json === "number") return "a number";
  if (typeof json === "string") return "a string";
  return Array.isArray(json) ? "a list" : "a map";
}
