/** What a parameter may be: its type, and what it says of itself beside that. Values are held against it here. */
import type { Json } from "../artifact.ts";
import { kindOfJson } from "./json-value.ts";

export const PARAM_TYPES = ["string", "integer", "number", "boolean", "list", "map"] as const;
export type ParamType = (typeof PARAM_TYPES)[number];

/** What limits a parameter's values. */
export interface ParamRule {
  type: ParamType;
  /** The only values there are. */
  enum?: readonly Json[];
  /** Of numbers, both included. */
  min?: number;
  max?: number;
}

/** The type that a default without a declaration gives its parameter. A number may have a fraction. */
export function typeOfDefault(json: Json): ParamType {
  if (typeof json === "string" || typeof json === "number" || typeof json === "boolean")
    return typeof json as ParamType;
  return Array.isArray(json) ? "list" : "map";
}

/** A text from the command line as a value of the type; undefined where it is none. */
export function readText(text: string, type: ParamType): Json | undefined {
  if (type === "string") return text;
  if (type === "integer" || type === "number") {
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

/** What is wrong with a value: `must be at most 8, not 9`; undefined where nothing is. */
export function faultOfValue(value: Json, rule: ParamRule): string | undefined {
  if (!hasType(value, rule.type)) return `must be ${typeWords(rule.type)}, not ${valueWords(value)}`;
  if (rule.enum && !rule.enum.includes(value))
    return `must be ${oneOf(rule.enum)}, not ${JSON.stringify(value)}`;
  if (typeof value !== "number") return undefined;
  if (rule.min !== undefined && value < rule.min) return `must be at least ${rule.min}, not ${value}`;
  if (rule.max !== undefined && value > rule.max) return `must be at most ${rule.max}, not ${value}`;
  return undefined;
}

/** `a whole number from 64 to 4096`, `"bookworm" or "trixie"`. */
export function ruleWords(rule: ParamRule): string {
  if (rule.enum) return oneOf(rule.enum);
  const { min, max, type } = rule;
  if (min !== undefined && max !== undefined) return `${typeWords(type)} from ${min} to ${max}`;
  if (min !== undefined) return `${typeWords(type)} of at least ${min}`;
  return max === undefined ? typeWords(type) : `${typeWords(type)} of at most ${max}`;
}

function hasType(value: Json, type: ParamType): boolean {
  switch (type) {
    case "integer":
      return Number.isSafeInteger(value);
    case "list":
      return Array.isArray(value);
    case "map":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

const TYPE_WORDS: Record<ParamType, string> = {
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  list: "a list",
  map: "a map",
};

function typeWords(type: ParamType): string {
  return TYPE_WORDS[type];
}

function oneOf(values: readonly Json[]): string {
  const words = values.map((value) => JSON.stringify(value));
  const last = words.pop()!;
  return words.length === 0 ? last : `${words.join(", ")} or ${last}`;
}

function valueWords(value: Json): string {
  if (value === null || typeof value === "object") return kindOfJson(value);
  return `${JSON.stringify(value)}${typeof value === "boolean" ? "" : `, ${kindOfJson(value)}`}`;
}
