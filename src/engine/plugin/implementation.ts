/**
 * What stands in keys for a plugin's code: its package's version, and for code that is not installed from a
 * registry the sha256 over its files. Remembered by what `stat` says of them, so that a cached run reads none.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
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
  const digest = await digestOf(await filesOf(path), facts);
  return [version, `sha256:${digest}`].filter((part) => part !== undefined).join("+");
}

async function filesOf(path: string): Promise<{ folder: string; names: string[] }> {
  if (!(await stat(path)).isDirectory()) return { folder: dirname(path), names: [basename(path)] };
  return { folder: path, names: (await codeBelow(path, "")).sort() };
}

async function codeBelow(folder: string, below: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const name = join(below, entry.name);
    if (entry.isDirectory() && entry.name !== "node_modules") names.push(...(await codeBelow(folder, name)));
    else if (/\.[cm]?[jt]s$/.test(name) && !/\.d\.[cm]?ts$/.test(name)) names.push(name);
  }
  return names;
}

async function digestOf(
  { folder, names }: { folder: string; names: string[] },
  facts: EngineStore["facts"],
): Promise<string> {
  const identities = names.map((name) => fileIdentity(join(folder, name)));
  const fact = `plugin-code:${sha256(canonicalJson(identities))}`;
  const remembered = await facts.get(fact);
  if (typeof remembered?.value === "string") return remembered.value;
  const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
  const digest = sha256(
    canonicalJson(names.map((name, i) => [name.split(sep).join("/"), sha256(contents[i]!)])),
  );
  await facts.set(fact, digest);
  return digest;
}
