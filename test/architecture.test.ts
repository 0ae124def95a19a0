import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";

/**
 * The arrows of docs/architecture.md:
 *
 *   cli ─▶ everything        plugins ─▶ engine/plugin, image, vm, another plugin's front door
 *   vm ─▶ engine, image      store, image, views ─▶ engine        engine ─▶ nothing
 *   page ─▶ engine, views, ui      ui ─▶ engine, store
 */
const src = resolve(import.meta.dirname, "../src");

const MAY_IMPORT: Record<string, RegExp> = {
  engine: /^engine\//,
  store: /^(engine|store)\//,
  image: /^(engine|image)\//,
  views: /^(engine|views)\//,
  page: /^(engine|views|page|ui)\//,
  ui: /^(engine|store|ui)\//,
  vm: /^(engine|image|vm)\//,
  plugins: /^(engine|image|vm|plugins)\//,
};

const files = (readdirSync(src, { recursive: true }) as string[]).filter((file) => file.endsWith(".ts"));

const imports = files.flatMap((file) =>
  [...readFileSync(join(src, file), "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map((match) => ({
    file,
    to: relative(src, resolve(src, dirname(file), match[1]!)),
  })),
);

it.each(Object.entries(MAY_IMPORT))("%s imports only what it may", (part, allowed) => {
  const wrong = imports.filter(({ file, to }) => file.startsWith(`${part}/`) && !allowed.test(to));
  expect(wrong).toEqual([]);
});

it("a plugin enters another one by its front door", () => {
  const plugin = (file: string) => file.split("/")[1];
  const wrong = imports.filter(
    ({ file, to }) =>
      file.startsWith("plugins/") &&
      to.startsWith("plugins/") &&
      plugin(file) !== plugin(to) &&
      !/^plugins\/[^/]+\/index\.ts$/.test(to),
  );
  expect(wrong).toEqual([]);
});

it("what is for tests is imported by no production code", () => {
  expect(imports.filter(({ file, to }) => to.startsWith("testing/") && !file.startsWith("testing/"))).toEqual(
    [],
  );
});
