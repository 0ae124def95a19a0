/**
 * Versions of tools, as they stand in keys: the first line with a version of what `TOOL --version` prints. Remembered by the
 * executable's identity on disk, so that a cached run starts no process to learn what it knew.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { TplError } from "../errors.ts";
import type { EngineStore } from "../store.ts";

/** Where tools are looked for: PATH, and behind it the sbin folders that a user's PATH often lacks. */
export function toolPath(): string {
  const own = (process.env.PATH ?? "").split(delimiter);
  const system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  return [...own, ...system.filter((folder) => !own.includes(folder))].join(delimiter);
}

/** The absolute path of an executable, undefined where there is none. */
export function findTool(name: string): string | undefined {
  return toolPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The version line of `name`; undefined when it is not installed. */
export async function toolVersion(
  name: string,
  versionArguments: readonly string[],
  facts: EngineStore["facts"],
): Promise<string | undefined> {
  const path = findTool(name);
  if (!path) return undefined;
  const fact = `tool:${fileIdentity(path)}:${versionArguments.join(" ")}`;
  const remembered = await facts.get(fact);
  if (typeof remembered?.value === "string") return remembered.value;
  const version = await askVersion(path, versionArguments);
  await facts.set(fact, version);
  return version;
}

/**
 * Says that what `path` leads to is still the same file: device, inode, size, and both times in nanoseconds. The path
 * itself is part of it, since a program may act by the name it is called by; where its links lead, the inode says.
 */
export function fileIdentity(path: string): string {
  const stat = statSync(path, { bigint: true });
  return [path, stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");
}

async function askVersion(path: string, versionArguments: readonly string[]): Promise<string> {
  const { execa } = await import("../execa.ts");
  const result = await execa(path, versionArguments, {
    reject: false,
    all: true,
    timeout: 20_000,
    env: { LC_ALL: "C.UTF-8" },
  });
  const lines = (result.all ?? "").split("\n").filter((text) => text.trim() !== "");
  // A tool may print its version on one stream and complain of the question on the other: which comes first is chance.
  const line = lines.find((text) => /\d\.\d/.test(text)) ?? lines[0];
  if (line) return line.trim();
  throw new TplError({
    code: "tool-broken",
    message: `${[path, ...versionArguments].join(" ")} printed no version (exit status ${result.exitCode ?? result.signal})`,
    hint: "install the tool again",
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not ours to run: the next folder of PATH decides
  }
}
