import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { exampleOf, STEPS_PAGE, stepsPage } from "../../scripts/steps-page.ts";
import { BUILTIN_PLUGINS } from "../../src/cli/builtin-plugins.ts";
import { compile } from "../../src/engine/graph/compile.ts";
import { loadPlugins } from "../../src/engine/plugin/load.ts";
import { memoryStore } from "../../src/testing/memory-store.ts";

const types = loadPlugins({ builtin: BUILTIN_PLUGINS, version: "test", facts: memoryStore().facts });
const names = await types.names();
const src = resolve(import.meta.dirname, "../../src");
const code = (readdirSync(src, { recursive: true }) as string[])
  .filter((file) => file.endsWith(".ts"))
  .map((file) => readFileSync(join(src, file), "utf8").replace(/^ {2}failures: \{[\s\S]*?^ {2}\},$/m, ""))
  .join("\n");

describe("docs/steps.md", () => {
  it("is what npm run docs:steps makes", async () => {
    expect(await readFile(STEPS_PAGE, "utf8")).toBe(await stepsPage());
  });

  it.each(names)("has an example of %s that compiles", async (uses) => {
    const { graph, diagnostics } = await compile(exampleOf(uses), { params: {}, types, readFile });
    expect(diagnostics).toEqual([]);
    expect([...graph!.nodes.values()].map((node) => node.uses)).toContain(uses);
  });

  it.each(names)("tells of %s only errors that there are", async (uses) => {
    const { type } = (await types.get(uses))!;
    const unknown = Object.keys(type.failures ?? {}).filter((failure) => !code.includes(`"${failure}"`));
    expect(unknown).toEqual([]);
    expect(Object.keys(type.failures ?? {})).not.toEqual([]);
  });
});
