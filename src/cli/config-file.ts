/**
 * Which file configures tplgraph: looked for here and up to the root of the project (the next folder with a
 * package.json or .git), never further, since a config file names plugins, which are code.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const NAMES = [
  ...["json", "yaml", "yml", "js", "mjs", "ts"].map((ending) => `tplgraph.config.${ending}`),
  ".tplgraphrc",
  ...["json", "yaml", "yml"].map((ending) => `.tplgraphrc.${ending}`),
];

/** The nearest config file; undefined where there is none. A look at a few folders, nothing is loaded. */
export function findConfigFile(cwd: string): string | undefined {
  for (const folder of foldersUpToProject(cwd)) {
    const names = new Set(readdirSync(folder));
    const name = NAMES.find((candidate) => names.has(candidate));
    if (name !== undefined) return join(folder, name);
    if (names.has("package.json") && hasOwnKey(join(folder, "package.json")))
      return join(folder, "package.json");
  }
  return undefined;
}

/** `cwd` alone where it is in no project. */
function foldersUpToProject(cwd: string): string[] {
  const folders: string[] = [];
  for (let folder = cwd; ; folder = dirname(folder)) {
    folders.push(folder);
    if (existsSync(join(folder, "package.json")) || existsSync(join(folder, ".git"))) return folders;
    if (dirname(folder) === folder) return [cwd];
  }
}

function hasOwnKey(packageFile: string): boolean {
  const text = readFileSync(packageFile, "utf8");
  return /"tplgraph"\s*:\s*\{/.test(text);
}
