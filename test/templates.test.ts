import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { BUILTIN_PLUGINS } from "../src/cli/builtin-plugins.ts";
import { compile } from "../src/engine/graph/compile.ts";
import type { GraphNode } from "../src/engine/graph/graph.ts";
import { loadPlugins } from "../src/engine/plugin/load.ts";
import { memoryStore } from "../src/testing/memory-store.ts";

const types = loadPlugins({
  builtin: BUILTIN_PLUGINS,
  version: "0.0.0",
  local: [],
  packagesFrom: ".",
  facts: memoryStore().facts,
});

const compiled = (name: string) => compile(`templates/${name}.yaml`, { types, params: {}, readFile });

const shipped = readdirSync("templates")
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.slice(0, -".yaml".length));

it.each(shipped)("templates/%s.yaml compiles, with nothing to say", async (name) => {
  const { graph, diagnostics } = await compiled(name);
  expect(diagnostics).toEqual([]);
  expect(graph!.template.name).toBe(name);
});

//  grow.yaml ─▶ grown[disk] ─▶ checked[disk] ─▶ machine[disk,memory]      for each disk, and each memory
it("pythons.yaml installs once, grows once a disk, and boots once a machine", async () => {
  const { graph } = await compiled("pythons");
  const { graph: grow } = await compiled("grow");
  const shared = grow!.nodes.filter(({ id }) => id !== "machine").map(steps);
  expect(graph!.nodes.filter(({ id }) => !id.includes("[")).map(steps)).toEqual(shared);
  expect(graph!.nodes.filter(({ id }) => id.includes("[")).map(({ id }) => id)).toEqual([
    "grown[diskMiB=4096]",
    "checked[diskMiB=4096]",
    "machine[diskMiB=4096,memoryMiB=512]",
    "machine[diskMiB=4096,memoryMiB=1024]",
    "grown[diskMiB=8192]",
    "checked[diskMiB=8192]",
    "machine[diskMiB=8192,memoryMiB=512]",
    "machine[diskMiB=8192,memoryMiB=1024]",
  ]);
  expect(graph!.instances).toHaveLength(4);
});

/** A step as it is wherever it stands. */
function steps({ id, uses }: GraphNode): string {
  return `${id.slice(id.lastIndexOf("/") + 1)} ${uses}`;
}
