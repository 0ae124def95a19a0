import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LoadPluginsOptions, loadPlugins } from "../../../src/engine/plugin/load.ts";
import { memoryStore } from "../../../src/testing/memory-store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "plugins-"));
});
afterEach(() => rm(folder, { recursive: true }));

const pluginText = (name: string, ...steps: string[]) =>
  `export default { name: "${name}", summary: "", steps: ${JSON.stringify(steps.map((step) => ({ name: step })))} };\n`;

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

function load(options: Partial<LoadPluginsOptions> = {}) {
  const { facts } = memoryStore();
  return loadPlugins({ builtin: {}, version: "1.0.0", facts, ...options });
}

describe("loadPlugins", () => {
  it("imports a builtin plugin when it is named, and once", async () => {
    await write({
      "package.json": '{"version":"1.0.0"}',
      "a/index.ts": pluginText("a", "one"),
      "b/index.ts": pluginText("b", "two"),
    });
    const imported: string[] = [];
    const builtin = (name: string) => ({
      entry: pathToFileURL(join(folder, name, "index.ts")),
      async load() {
        imported.push(name);
        return import(join(folder, name, "index.ts"));
      },
    });
    const types = load({ builtin: { a: builtin("a"), b: builtin("b") } });
    const [found] = await Promise.all([types.get("a/one"), types.get("a/none")]);
    expect(found!.plugin).toMatchObject({ name: "a", origin: "tplgraph" });
    expect(found!.plugin.implementation).toMatch(/^1\.0\.0\+sha256:[0-9a-f]{64}$/);
    expect([await types.get("a/none"), await types.get("nothing"), await types.get("a/one/x")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(imported).toEqual(["a"]);
    expect(await types.names()).toEqual(["a/one", "b/two"]);
    expect(imported).toEqual(["a", "b"]);
  });

  it("finds a local plugin by the name it gives itself, whatever its folder is called", async () => {
    await write({ "lab/index.ts": pluginText("lab", "mix"), "other/index.js": pluginText("zoo", "feed") });
    const types = load({ local: [join(folder, "lab"), join(folder, "other")] });
    expect((await types.get("zoo/feed"))!.plugin.name).toBe("zoo");
    expect((await types.get("lab/mix"))!.plugin.origin).toBe(join(folder, "lab"));
  });

  it("finds an installed package by its name, and takes its version for its code", async () => {
    const root = "node_modules/tplgraph-plugin-zoo";
    const manifest = {
      name: "tplgraph-plugin-zoo",
      version: "2.1.0",
      type: "module",
      exports: { ".": { types: "./x.d.ts", import: "./lib/main.js" } },
    };
    await write({
      [`${root}/package.json`]: JSON.stringify(manifest),
      [`${root}/lib/main.js`]: pluginText("zoo", "feed"),
    });
    const types = load({ packagesFrom: join(folder, "templates") });
    expect((await types.get("zoo/feed"))!.plugin).toMatchObject({
      implementation: "2.1.0",
      origin: "tplgraph-plugin-zoo",
    });
    expect(await types.get("bar/feed")).toBeUndefined();
    expect(await load({ packagesFrom: folder }).names()).toEqual(["zoo/feed"]);
  });

  it.each([
    ["plugin-failed", 'throw new Error("no good");'],
    ["plugin-failed", "export default {"],
    ["bad-plugin", "export default 5;"],
    ["bad-plugin", pluginText("ext4", "mkfs")],
  ])("%s: %s", async (code, text) => {
    await write({ "lab/index.js": text });
    const builtin = {
      ext4: { entry: pathToFileURL("/x/index.js"), load: () => Promise.reject(new Error()) },
    };
    const types = load({ builtin, local: [join(folder, "lab")] });
    await expect(types.get("lab/mix")).rejects.toMatchObject({ code });
  });

  it("takes packages by the names that the configuration gives", async () => {
    await write({
      "node_modules/zoo-plugin/package.json": '{"version":"3.0.0","main":"index.mjs"}',
      "node_modules/zoo-plugin/index.mjs": pluginText("zoo", "feed"),
    });
    const types = load({ local: ["zoo-plugin"], packagesFrom: folder });
    expect((await types.get("zoo/feed"))!.plugin.implementation).toBe("3.0.0");
  });

  it("takes a linked package's code for what it is", async () => {
    await write({ "zoo/package.json": '{"version":"3.0.0"}', "zoo/index.js": pluginText("zoo", "feed") });
    await mkdir(join(folder, "node_modules"));
    await symlink(join(folder, "zoo"), join(folder, "node_modules/tplgraph-plugin-zoo"));
    const { plugin } = (await load({ packagesFrom: folder }).get("zoo/feed"))!;
    expect(plugin.implementation).toMatch(/^3\.0\.0\+sha256:/);
  });

  it.each(["/gone", "gone-plugin"])("says that %s of the configuration is not there", async (path) => {
    const types = load({ local: [path], packagesFrom: folder });
    await expect(types.get("lab/mix")).rejects.toMatchObject({ code: "plugin-not-found" });
  });
});

describe("the implementation of a local plugin", () => {
  const files = {
    "lab/index.ts": pluginText("lab", "mix"),
    "lab/deep/part.ts": "export const a = 1;\n",
    "lab/notes.md": "one\n",
    "lab/node_modules/dep/index.js": "1;\n",
  };
  const implementation = async (options: Partial<LoadPluginsOptions> = {}) =>
    (await load({ local: [join(folder, "lab")], ...options }).get("lab/mix"))!.plugin.implementation;

  it("follows from its code and from nothing else", async () => {
    await write(files);
    const first = await implementation();
    await write({ "lab/notes.md": "two\n", "lab/node_modules/dep/index.js": "2;\n", "elsewhere.ts": "1;\n" });
    await utimes(join(folder, "lab/index.ts"), 1, 1);
    expect(await implementation()).toBe(first);
    await write({ "lab/deep/part.ts": "export const a = 2;\n" });
    const second = await implementation();
    expect(second).not.toBe(first);
    await write({ "lab/more.ts": "" });
    expect(await implementation()).not.toBe(second);
  });

  it("covers the modules it imports from outside, transitively, but not types", async () => {
    await write({
      ...files,
      "lab/deep/part.ts":
        'import { b } from "../../shared/b.ts";\nimport type { T } from "../../shared/t.ts";\nexport const a: T = b;\n',
      "shared/b.ts": 'export { b } from "./c.ts";\n',
      "shared/c.ts": "export const b = 1;\n",
      "shared/t.ts": "export type T = number;\n",
    });
    const first = await implementation();
    await write({ "shared/t.ts": "export type T = number | string;\n" });
    expect(await implementation()).toBe(first);
    await write({ "shared/c.ts": "export const b = 2;\n" });
    expect(await implementation()).not.toBe(first);
  });

  it("is remembered: what did not change is not read again", async () => {
    await write(files);
    const { facts } = memoryStore();
    const first = await implementation({ facts });
    const forbidden = () => Promise.reject(new Error("bug: digested again"));
    expect(await implementation({ facts: { ...facts, set: forbidden } })).toBe(first);
  });
});
