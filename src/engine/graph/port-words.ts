/** What flows through a port, in plain words. */
import type * as z from "zod";
import { type PortInfo, portInfo } from "../plugin/port.ts";

/** `an image`, `a tree`, `plain data`. */
export function portWords(port: z.ZodType | PortInfo): string {
  const info = "def" in port ? portInfo(port as z.ZodType) : (port as PortInfo);
  return info.type === undefined ? "plain data" : withArticle(info.type);
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** `a number`, `a list` for a schema that takes (`in`) or gives (`out`) one kind of plain data; undefined for any other. */
export function dataKind(schema: z.ZodType, side: "in" | "out"): string | undefined {
  return DATA_KINDS[unwrapped(schema, side).def.type];
}

const DATA_KINDS: Record<string, string> = {
  string: "a string",
  enum: "a string",
  number: "a number",
  int: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

/** The schemas of an object's fields; undefined for a schema of anything else. */
export function fieldsOf(schema: z.ZodType, side: "in" | "out"): Record<string, z.ZodType> | undefined {
  return (unwrapped(schema, side).def as { shape?: Record<string, z.ZodType> }).shape;
}

/** The schema of a list's elements. */
export function elementOf(schema: z.ZodType, side: "in" | "out"): z.ZodType | undefined {
  return (unwrapped(schema, side).def as { element?: z.ZodType }).element;
}

/** What is inside `optional`, `default`, and of a pipe the side that is asked for. */
function unwrapped(schema: z.ZodType, side: "in" | "out"): z.ZodType {
  const def = schema.def as { innerType?: z.ZodType; in?: z.ZodType; out?: z.ZodType };
  const inner = def.innerType ?? def[side];
  return inner ? unwrapped(inner, side) : schema;
}
