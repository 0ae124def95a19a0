/**
 * What stands in keys for a plugin's code: its package's version, and for code that is not installed from a
 * registry the sha256 over its files and over every module that these import by a relative path. Remembered by
 * what `stat` says of the files, so that a cached run reads none.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { Json } from "../artifact.ts";
import { canonicalJson, sha256 } from "../key/canonical.ts";
import { fileIdentity } from "../key/tool-version.ts";
import type { EngineStore } from "../store.ts";

export interface Code {
  /** Absolute path of the plugin's folder, or of its only module. */
  path: string;
  /** Of its package; undefined for code that has none. */
  version: string | undefined;
}

/** `1.2.3`, `1.2.3+sha256:…` or `sha256:…`: the same on every machine that has the same code. */
export async function implementationOf(
  { path, version }: Code,
  facts: EngineStore["facts"],
): Promise<string> {
  if (path.split(sep).includes("node_modules")) return version ?? "unversioned";
  const digest = await digestOf(path, facts);
  return [version, `sha256:${digest}`].filter((part) => part !== undefined).join("+");
}

/**
 * The files that differ between two implementations, where a store has seen both; undefined where it has not, or where
 * they are no digests of code.
 */
export async function changedFiles(
  from: string,
  to: string,
  facts: EngineStore["facts"],
): Promise<string[] | undefined> {
  const [before, after] = await Promise.all([from, to].map((text) => namedFiles(text, facts)));
  if (!before || !after) return undefined;
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.filter((name) => before.get(name) !== after.get(name));
}

async function namedFiles(
  implementation: string,
  facts: EngineStore["facts"],
): Promise<Map<string, string> | undefined> {
  const digest = /sha256:([0-9a-f]{64})$/.exec(implementation)?.[1];
  const fact = digest && (await facts.get(codeFact(digest)));
  return fact ? new Map(fact.value as [string, string][]) : undefined;
}

/** Which files, by their digests, a digest of code was made from. */
function codeFact(digest: string): string {
  return `code-files:${digest}`;
}

/** A type, not an interface: it is plain JSON. */
type Remembered = {
  /** Absolute path of every file that was read, and its identity. */
  files: { [file: string]: string };
  digest: string;
};

async function digestOf(path: string, facts: EngineStore["facts"]): Promise<string> {
  const own = await filesOf(path);
  const fact = `plugin-code:${path}`;
  const remembered = (await facts.get(fact))?.value as Remembered | undefined;
  if (remembered && isSame(remembered, own)) return remembered.digest;
  const contents = await withImports(own);
  const files = [...contents.keys()].sort();
  const named = files.map((file) => [relative(path, file).split(sep).join("/"), sha256(contents.get(file)!)]);
  const value: Remembered = {
    files: Object.fromEntries(files.map((file) => [file, fileIdentity(file)])),
    digest: sha256(canonicalJson(named)),
  };
  await facts.set(codeFact(value.digest), named);
  await facts.set(fact, value as Json);
  return value.digest;
}

/** No file of the plugin is new, and none that was read has changed: then what they import has not either. */
function isSame({ files }: Remembered, own: readonly string[]): boolean {
  const known = Object.entries(files);
  return (
    own.every((file) => files[file] !== undefined) &&
    known.every(([file, identity]) => existsSync(file) && fileIdentity(file) === identity)
  );
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  return codeBelow(path);
}

async function codeBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== "node_modules") files.push(...(await codeBelow(file)));
    else if (/\.[cm]?[jt]s$/.test(file) && !/\.d\.[cm]?ts$/.test(file)) files.push(file);
  }
  return files;
}

/** The files and, transitively, the modules that they import by relative paths; types are not code. */
async function withImports(files: readonly string[]): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  const open = [...files];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (contents.has(file) || !existsSync(file)) continue;
    const text = await readFile(file, "utf8");
    contents.set(file, text);
    for (const [, fixed, lazy] of text.matchAll(RELATIVE_IMPORT))
      open.push(resolve(dirname(file), (fixed ?? lazy)!));
  }
  return contents;
}

const RELATIVE_IMPORT =
  /^(?:import|export)\b(?!\s+type\b)[^;"']*?["'](\.[^"']+)["']|import\(\s*["'](\.[^"']+)["']/gm;
