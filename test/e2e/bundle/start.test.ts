/**
 * What any start of the command loads is one file. A module that another one imports at its head comes along, whoever
 * imports that one later: the clients of S3 and redis did, for 0.3 s.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../cli.ts";

it("loads beside Node's own modules the shared errors and the hasher, and nothing else", () => {
  const bundle = readFileSync(join(root, "dist/cli/program.js"), "utf8");
  const imported = [...bundle.matchAll(/^import (?:.* from )?"([^"]+)";$/gm)].map(([, name]) => name!);
  expect(imported.filter((name) => !name.startsWith("node:"))).toEqual([
    "../engine/errors.js",
    "../image/hash/hasher.js",
  ]);
});
