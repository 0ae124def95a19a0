/** Plugins installed from a registry: packages called `tplgraph-plugin-NAME`, found from a folder as Node finds packages. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { TplError } from "../errors.ts";

const PREFIX = "tplgraph-plugin-";

export interface InstalledPackage {
  /** Absolute path of the module that importing the package means. */
  entry: string;
  /** The package's folder. */
  folder: string;
  version: string | undefined;
}

/** The name of the package that offers plugin `name`. */
export function packageOf(name: string): string {
  return PREFIX + name;
}

/** The package `packageName` as seen from `folder`; undefined where it is not installed. */
export async function findInstalled(
  packageName: string,
  folder: string,
): Promise<InstalledPackage | undefined> {
  const found = packageJsonOf(packageName, folder);
  if (found === undefined) return undefined;
  // A linked package is being worked on: its code counts, not the link below node_modules.
  const path = await realpath(found);
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  const entry = entryOf(manifest.exports) ?? manifest.main ?? "index.js";
  return { entry: join(dirname(path), entry), folder: dirname(path), version: manifest.version };
}

/** Names of the plugins installed in `folder` or above it. */
export async function listInstalled(folder: string): Promise<string[]> {
  const names = new Set<string>();
  for (let at = folder; ; at = dirname(at)) {
    for (const name of await namesIn(join(at, "node_modules")))
      if (name.startsWith(PREFIX)) names.add(name.slice(PREFIX.length));
    if (at === dirname(at)) return [...names].sort();
  }
}

interface Manifest {
  version?: string;
  main?: string;
  exports?: Exports;
}

type Exports = string | { [condition: string]: Exports } | null;

function packageJsonOf(packageName: string, folder: string): string | undefined {
  try {
    return findPackageJSON(packageName, pathToFileURL(join(folder, "template.yaml")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** What `import "PACKAGE"` resolves to, of the field `exports` (https://nodejs.org/api/packages.html#exports). */
function entryOf(exports: Exports | undefined): string | undefined {
  if (typeof exports === "string") return exports;
  if (!exports) return undefined;
  for (const key of [".", "import", "node", "default"]) {
    const entry = entryOf(exports[key]);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw new TplError({ code: "plugin-failed", message: `${folder} cannot be listed`, cause: error });
  }
}
