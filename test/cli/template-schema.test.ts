import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { templateSchema } from "../../src/cli/template-schema.ts";
import { definePlugin, defineStep, image, unkeyed, z } from "../../src/engine/plugin/index.ts";

const step = defineStep({
  name: "make",
  summary: "Make it",
  inputs: {
    base: image(),
    sizeMiB: z.int().min(8).describe("in MiB"),
    label: unkeyed(z.string()).optional(),
  },
  outputs: { image: image() },
  run: async ({ inputs }) => ({ image: inputs.base }),
});
/** What stands at `path` inside JSON. */
function at(tree: unknown, ...path: (string | number)[]): unknown {
  return path.reduce((inner, key) => (inner as Record<string | number, unknown>)[key], tree);
}

const plugin = {
  ...definePlugin({ name: "lab", summary: "", steps: [step] }),
  implementation: "1",
  origin: "lab",
};

const STEP = ["properties", "steps", "additionalProperties"];

it("knows each step type's inputs, and allows references for them", () => {
  const schema = templateSchema([plugin]);
  expect(at(schema, ...STEP, "properties", "uses")).toEqual({ enum: ["lab/make"] });
  const inputs = at(schema, ...STEP, "allOf", 0, "then", "properties", "with");
  expect(inputs).toMatchObject({ required: ["base", "sizeMiB"], additionalProperties: false });
  expect(at(inputs, "properties", "sizeMiB")).toMatchObject({
    description: "in MiB",
    anyOf: [{ type: "integer", minimum: 8 }, { pattern: "\\$\\{\\{.*\\}\\}" }],
  });
  expect(at(inputs, "properties", "base", "anyOf")).toHaveLength(4);
});

it("has every key that the shipped templates use", () => {
  const schema = templateSchema([plugin]);
  const known = Object.keys(at(schema, "properties") as object);
  const knownOfStep = Object.keys(at(schema, ...STEP, "properties") as object);
  for (const name of ["base", "python", "grow", "pythons", "resized"]) {
    const template = parse(readFileSync(`templates/${name}.yaml`, "utf8"));
    expect(known).toEqual(expect.arrayContaining(Object.keys(template)));
    for (const each of Object.values<object>(template.steps))
      expect(knownOfStep).toEqual(expect.arrayContaining(Object.keys(each)));
  }
});
