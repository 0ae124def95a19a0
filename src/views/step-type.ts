/** What a step type says of itself, as words: for `plugins show` and for docs/steps.md. */
import * as z from "zod";
import { portInfo } from "../engine/plugin/port.ts";
import type { Ports } from "../engine/plugin/step.ts";

export interface PortWords {
  name: string;
  /** `image`, `tree (shared)`, `integer`, `"a" | "b"`. */
  type: string;
  /** `needed`, `optional`, or the default as JSON. */
  default: string;
  /** What a literal may be, beyond its type: `1 to 16`. Empty where nothing is said. */
  range: string;
  meaning: string;
}

/** In the order in which the step type has them. */
export function portWords(ports: Ports): PortWords[] {
  return Object.entries(ports).map(([name, schema]) => {
    const json = jsonSchemaOf(schema);
    const isOptional = schema.safeParse(undefined).success;
    return {
      name,
      type: typeOf(schema, json),
      default:
        json.default === undefined ? (isOptional ? "optional" : "needed") : JSON.stringify(json.default),
      range: rangeOf(json),
      meaning: meaningOf(schema),
    };
  });
}

export function jsonSchemaOf(schema: z.ZodType) {
  return z.toJSONSchema(schema, { unrepresentable: "any", io: "input" });
}

type JsonSchema = ReturnType<typeof jsonSchemaOf>;

function typeOf(schema: z.ZodType, json: JsonSchema): string {
  const { type, sharing } = portInfo(schema);
  if (type) return `${type}${sharing ? ` (${sharing})` : ""}`;
  if (json.enum) return json.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (json.type !== "array" || typeof json.items !== "object") return String(json.type ?? "any");
  const item = json.items as JsonSchema;
  return `array of ${item.enum ? item.enum.map((value) => JSON.stringify(value)).join(" | ") : (item.type ?? "any")}`;
}

function rangeOf(json: JsonSchema): string {
  const low =
    json.minimum ?? (json.exclusiveMinimum === undefined ? undefined : `more than ${json.exclusiveMinimum}`);
  const high = isBound(json.maximum) ? json.maximum : undefined;
  if (low !== undefined && isBound(low) && high !== undefined) return `${low} to ${high}`;
  if (high !== undefined) return `at most ${high}`;
  if (low === undefined || !isBound(low))
    return json.maxLength === undefined ? "" : `at most ${json.maxLength} characters`;
  return typeof low === "string" ? low : `at least ${low}`;
}

/** zod gives integers the bounds of what a number can tell apart: that says nothing. */
function isBound(value: unknown): boolean {
  return value !== undefined && Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER;
}

/** Also where it was said before `optional` or `default`. */
function meaningOf(schema: z.ZodType): string {
  for (let s: z.ZodType | undefined = schema; s; s = (s.def as { innerType?: z.ZodType }).innerType)
    if (s.description) return s.description;
  return "";
}
