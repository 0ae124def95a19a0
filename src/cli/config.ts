/** The configuration: what a config file may say, read and checked. A mistake in it is told at its line. */
import { readFile } from "node:fs/promises";
import { basename, dirname, extname, relative, resolve } from "node:path";
import * as z from "zod";
import { type Position, TplError } from "../engine/errors.ts";
import { parseDuration } from "../engine/template/duration.ts";
import { suggestOrList } from "../engine/template/suggest.ts";
import type { SharedOptions } from "../store/remote/shared-store.ts";
import { findConfigFile } from "./config-file.ts";
import { cacheSchema, recordsSchema, remoteSchema, sharedOptions } from "./config-remote.ts";

export interface Config {
  /** The config file's folder: what relative paths in it are relative to. The working folder where there is no file. */
  folder: string;
  store?: string | undefined;
  /** Folders of plugins, absolute, and names of packages. */
  plugins: string[];
  /** Stands in every key: another one disowns everything cached. */
  salt?: string | undefined;
  jobs?: number | undefined;
  maxAgeMs?: number | undefined;
  /** What is shared with other machines; absent: nothing. */
  shared?: SharedOptions | undefined;
  /** Uploads what a run has built. */
  upload?: boolean | undefined;
}

const schema = z.strictObject({
  $schema: z.string().optional(),
  store: z.string().min(1).optional(),
  plugins: z.array(z.string().min(1)).default([]),
  salt: z.string().optional(),
  jobs: z.int().min(1).optional(),
  maxAge: z
    .string()
    .transform((text, issues) => {
      const ms = parseDuration(text);
      if (ms === undefined) issues.addIssue({ code: "custom", message: "write a time as 90s, 10m or 24h" });
      return ms ?? 0;
    })
    .optional(),
  remote: remoteSchema.optional(),
  records: recordsSchema.optional(),
  cache: cacheSchema.optional(),
});

/** `file`: `--config`. Throws TplError `config-…`. */
export async function loadConfig(options: { file?: string | undefined; cwd: string }): Promise<Config> {
  const file = options.file === undefined ? findConfigFile(options.cwd) : resolve(options.cwd, options.file);
  if (file === undefined) return { folder: options.cwd, plugins: [] };
  const shown = relative(options.cwd, file) || file;
  const content = await load(file, shown);
  const checked = schema.safeParse(content ?? {});
  if (!checked.success) throw await invalid(file, shown, checked.error.issues);
  const folder = dirname(file);
  const { plugins, maxAge, store, salt, jobs, remote } = checked.data;
  const lonely = (["records", "cache"] as const).find((key) => checked.data[key] !== undefined);
  if (!remote && lonely !== undefined && checked.data.records !== "sqlite")
    throw await needsRemote(file, shown, lonely);
  const path = (plugin: string) => (/^\.{0,2}\//.test(plugin) ? resolve(folder, plugin) : plugin);
  return {
    ...{ folder, store, salt, jobs, maxAgeMs: maxAge, plugins: plugins.map(path) },
    ...(remote ? { shared: sharedOptions({ ...checked.data, remote }, folder), upload: remote.upload } : {}),
  };
}

/** cosmiconfig picks the loader by the file's ending; TypeScript is left to Node. */
async function load(file: string, shown: string): Promise<unknown> {
  const { cosmiconfig } = await import("cosmiconfig");
  const explorer = cosmiconfig("tplgraph", {
    loaders: { ".ts": async (path: string) => ((await import(path)) as { default: unknown }).default },
  });
  try {
    return (await explorer.load(file))?.config;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new TplError({
      code: missing ? "config-not-found" : "config-unreadable",
      message: missing
        ? `there is no config file ${shown}`
        : `${shown} cannot be read: ${(error as Error).message}`,
      cause: error,
    });
  }
}

async function invalid(file: string, shown: string, issues: readonly z.core.$ZodIssue[]): Promise<TplError> {
  const issue = issues[0]!;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  const where = await positionOf(file, shown, path);
  const name = path.join(".");
  const unknown = issue.code === "unrecognized_keys";
  return new TplError({
    code: "config-invalid",
    message: unknown
      ? `the configuration has no key "${name}"`
      : `${name || "the configuration"}: ${issue.message}`,
    ...(unknown ? { hint: suggestOrList(String(path.at(-1)), keysAt(issue.path), "its keys") } : {}),
    ...(where ? { where } : {}),
  });
}

/** What may stand below `path`. */
function keysAt(path: readonly PropertyKey[]): string[] {
  const inner = { remote: remoteSchema, cache: cacheSchema }[String(path[0])];
  return Object.keys((inner ?? schema).shape);
}

async function needsRemote(file: string, shown: string, key: string): Promise<TplError> {
  const where = await positionOf(file, shown, [key]);
  return new TplError({
    code: "config-invalid",
    message: `${key}: there is nothing to share without a remote`,
    hint: 'add remote: { "url": "s3://BUCKET/PREFIX" }',
    ...(where ? { where } : {}),
  });
}

/** Where `path` stands in a JSON or YAML file; JSON is YAML. Undefined for code. */
async function positionOf(
  file: string,
  shown: string,
  path: readonly PropertyKey[],
): Promise<Position | undefined> {
  if (![".json", ".yaml", ".yml", ""].includes(extname(file))) return undefined;
  const { isMap, LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(await readFile(file, "utf8"), { lineCounter: lines });
  const keys = basename(file) === "package.json" ? ["tplgraph", ...path] : [...path];
  const last = keys.pop();
  const parent = keys.length > 0 ? document.getIn(keys, true) : document.contents;
  const pair = isMap(parent) ? parent.items.find(({ key }) => String(key) === String(last)) : undefined;
  const offset = (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0] ?? 0;
  const { line, col } = lines.linePos(offset);
  return { file: shown, line, column: col };
}
