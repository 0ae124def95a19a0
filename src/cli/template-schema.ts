/**
 * The JSON Schema (draft 2020-12) of template files with the step types of some plugins, for editors. It allows a
 * reference wherever a template may have one; what it cannot tell (does that step exist?) the compiler does.
 */
import * as z from "zod";
import type { LoadedPlugin } from "../engine/plugin/plugin.ts";
import { portInfo } from "../engine/plugin/port.ts";
import type { Ports, StepType } from "../engine/plugin/step.ts";
import { PARAM_TYPES } from "../engine/template/param-type.ts";

type Schema = { [key: string]: unknown };

export function templateSchema(plugins: readonly LoadedPlugin[]): Schema {
  const types = plugins.flatMap(({ name, steps }) =>
    steps.map((type) => ({ uses: `${name}/${type.name}`, type })),
  );
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "tplgraph template",
    type: "object",
    required: ["steps"],
    additionalProperties: false,
    patternProperties: { "^x-": {} },
    properties: {
      name: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
      params: {
        type: "object",
        description: "Parameters: each with its default, which is also its type, or with a declaration",
        additionalProperties: { anyOf: [PARAM, { not: { type: "object", required: ["type"] } }] },
      },
      matrix: {
        type: "object",
        description: "Parameters with several values: each combination is an instance of the template",
        additionalProperties: { type: "array", minItems: 1, uniqueItems: true },
      },
      steps: { type: "object", additionalProperties: stepSchema(types) },
      outputs: { type: "object", additionalProperties: REFERENCE },
    },
  };
}

const REFERENCE: Schema = { type: "string", pattern: "\\$\\{\\{.*\\}\\}" };

const PARAM: Schema = object(
  {
    type: { enum: PARAM_TYPES },
    default: { description: "Without one the parameter must be given" },
    description: { type: "string" },
    enum: { type: "array", minItems: 1, description: "The only values there are" },
    min: { type: "number", description: "The smallest number" },
    max: { type: "number", description: "The largest number" },
  },
  ["type"],
);

const SOURCES: Schema[] = [
  object({ template: { type: "string" }, output: { type: "string" }, params: { type: "object" } }, [
    "template",
    "output",
  ]),
  object({ ref: { type: "string" }, output: { type: "string" } }, ["ref"]),
  object({ file: { type: "string" } }, ["file"]),
];

function stepSchema(types: readonly { uses: string; type: StepType }[]): Schema {
  return {
    ...object(
      {
        uses: { enum: types.map(({ uses }) => uses) },
        with: { type: "object" },
        needs: { type: "array", items: { type: "string" } },
        timeout: { type: "string", description: "90s, 10m, 1h30m" },
      },
      ["uses"],
    ),
    allOf: types.map(({ uses, type }) => ({
      if: { properties: { uses: { const: uses } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { description: type.summary, properties: { with: withSchema(type.inputs) } },
    })),
  };
}

function withSchema(inputs: Ports): Schema {
  const required = Object.keys(inputs).filter((name) => !inputs[name]!.safeParse(undefined).success);
  const properties = Object.fromEntries(
    Object.entries(inputs).map(([name, schema]) => [name, portSchema(schema)]),
  );
  return object(properties, required);
}

function portSchema(schema: z.ZodType): Schema {
  const { type, kind } = portInfo(schema);
  const description = schema.description === undefined ? {} : { description: schema.description };
  if (kind === "resource") return { ...REFERENCE, ...description };
  if (type) return { anyOf: [REFERENCE, ...SOURCES], ...description };
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return orReference(json as Schema);
}

/** Parameters may stand anywhere inside a value, so every part of it may be a reference instead. */
function orReference(schema: Schema): Schema {
  const { description, default: value, ...rest } = schema;
  const about = {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
  };
  return { ...about, anyOf: [inside(rest), REFERENCE] };
}

function inside(schema: Schema): Schema {
  const result = { ...schema };
  if (isSchema(result.items)) result.items = orReference(result.items);
  if (isSchema(result.properties))
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([name, inner]) => [name, orReference(inner as Schema)]),
    );
  for (const word of ["anyOf", "oneOf", "allOf"])
    if (Array.isArray(result[word])) result[word] = (result[word] as Schema[]).map(inside);
  return result;
}

function object(properties: Schema, required: readonly string[]): Schema {
  return { type: "object", properties, required, additionalProperties: false };
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
