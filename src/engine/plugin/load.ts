/**
 * Step types from the plugins there are: those of this package, local ones that the configuration names, installed
 * packages. A plugin is imported when a template names it (or when all are listed), and once.
 */
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { TplError } from "../errors.ts";
import type { EngineStore } from "../store.ts";
import { implementationOf } from "./implementation.ts";
import { findInstalled, type InstalledPackage, listInstalled, packageOf } from "./installed.ts";
import type { LoadedPlugin, Plugin, StepTypes } from "./plugin.ts";

export interface BuiltinPlugin {
  /** The URL of its `index` module; what is in its folder stands in the keys of its steps. */
  entry: URL;
  load(): Promise<{ default: Plugin }>;
}

export interface LoadPluginsOptions {
  /** By plugin name. */
  builtin: Readonly<Record<string, BuiltinPlugin>>;
  /** Of the package that the builtin plugins are part of. */
  version: string;
  /** From the configuration: absolute paths of folders (with an `index.ts` or `index.js`) and modules, and names of packages. */
  local?: readonly string[];
  /** Where installed packages are looked for: this folder and those above it. Absent: nowhere. */
  packagesFrom?: string;
  /** Where digests of code are remembered. */
  facts: EngineStore["facts"];
}

export function loadPlugins(options: LoadPluginsOptions): StepTypes & { plugins(): Promise<LoadedPlugin[]> } {
  const plugins = new Plugins(options);
  // A graph asks once for each of its nodes.
  const found = new Map<string, ReturnType<StepTypes["get"]>>();
  const get = async (uses: string) => {
    const [name = "", stepName, ...more] = uses.split("/");
    if (stepName === undefined || more.length > 0) return undefined;
    const plugin = await plugins.find(name);
    const type = plugin?.steps.find((step) => step.name === stepName);
    return plugin && type ? { type, plugin } : undefined;
  };
  return {
    get(uses) {
      const known = found.get(uses) ?? get(uses);
      found.set(uses, known);
      return known;
    },
    async names() {
      return (await plugins.all()).flatMap(({ name, steps }) => steps.map((step) => `${name}/${step.name}`));
    },
    plugins: () => plugins.all(),
  };
}

/** Where a plugin's code is and how it is imported. */
interface Origin {
  /** For messages. */
  name: string;
  /** Identifies it; the absolute path of its folder or module. */
  path: string;
  version: string | undefined;
  load(): Promise<unknown>;
}

class Plugins {
  readonly #options: LoadPluginsOptions;
  /** By path: an import happens once, also when it fails. */
  readonly #loaded = new Map<string, Promise<LoadedPlugin>>();

  constructor(options: LoadPluginsOptions) {
    this.#options = options;
  }

  /** Undefined where no plugin has this name. Throws TplError `plugin-failed`, `bad-plugin` or `plugin-not-found`. */
  async find(name: string): Promise<LoadedPlugin | undefined> {
    const { builtin, version, local = [], packagesFrom } = this.#options;
    if (Object.hasOwn(builtin, name)) return this.#load(builtinOrigin(builtin[name]!, version));
    // A folder is mostly called as its plugin: the others are imported only when that is not so.
    const likely = local.filter((path) => nameOfPath(path) === name);
    for (const path of [...likely, ...local.filter((other) => !likely.includes(other))]) {
      const plugin = await this.#load(await localOrigin(path, packagesFrom));
      if (plugin.name === name) return plugin;
    }
    if (packagesFrom === undefined) return undefined;
    const installed = await findInstalled(packageOf(name), packagesFrom);
    return installed && this.#load(packageOrigin(packageOf(name), installed));
  }

  async all(): Promise<LoadedPlugin[]> {
    const { builtin, version, local = [], packagesFrom } = this.#options;
    const origins = Object.values(builtin).map((plugin) => builtinOrigin(plugin, version));
    for (const path of local) origins.push(await localOrigin(path, packagesFrom));
    const all = await Promise.all(origins.map((origin) => this.#load(origin)));
    for (const name of packagesFrom === undefined ? [] : await listInstalled(packagesFrom)) {
      if (all.some((plugin) => plugin.name === name)) continue;
      const installed = await findInstalled(packageOf(name), packagesFrom!);
      if (installed) all.push(await this.#load(packageOrigin(packageOf(name), installed)));
    }
    return all;
  }

  #load(origin: Origin): Promise<LoadedPlugin> {
    const loading = this.#loaded.get(origin.path) ?? this.#loadOnce(origin);
    this.#loaded.set(origin.path, loading);
    return loading;
  }

  async #loadOnce(origin: Origin): Promise<LoadedPlugin> {
    const plugin = await importPlugin(origin);
    const { builtin, facts } = this.#options;
    if (origin.name !== OWN && Object.hasOwn(builtin, plugin.name))
      throw new TplError({
        code: "bad-plugin",
        message: `${origin.name} is called "${plugin.name}", as a plugin of tplgraph itself is`,
        hint: "give it a name of its own",
      });
    return { ...plugin, implementation: await implementationOf(origin, facts), origin: origin.name };
  }
}

/** The origin of the plugins that come with the engine. */
const OWN = "tplgraph";

async function importPlugin({ name, load }: Origin): Promise<Plugin> {
  let plugin: unknown;
  try {
    plugin = await load();
  } catch (cause) {
    throw new TplError({
      code: "plugin-failed",
      message: `plugin ${name} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }
  if (isPlugin(plugin)) return plugin;
  throw new TplError({
    code: "bad-plugin",
    message: `${name} is no plugin: its default export has no name and steps`,
    hint: "export default definePlugin({ name, summary, steps })",
  });
}

function builtinOrigin({ entry, load }: BuiltinPlugin, version: string): Origin {
  const path = dirname(fileURLToPath(entry));
  return { name: OWN, path, version, load: async () => (await load()).default };
}

/** Of a path, or of a package where it is none. */
async function localOrigin(path: string, packagesFrom: string | undefined): Promise<Origin> {
  if (isAbsolute(path)) {
    const entry = await localEntry(path);
    const folder = /^index\.[jt]s$/.test(basename(entry)) ? dirname(entry) : undefined;
    return {
      name: path,
      path: folder ?? entry,
      // What stands further up is the user's project, not the plugin.
      version: folder && (await versionIn(folder)),
      load: () => importDefault(entry),
    };
  }
  const installed = packagesFrom === undefined ? undefined : await findInstalled(path, packagesFrom);
  if (installed) return packageOrigin(path, installed);
  throw new TplError({
    code: "plugin-not-found",
    message: `the package ${path} is not installed`,
    hint: `the configuration names it: npm install ${path}, or write a folder as ./${path}`,
  });
}

function packageOrigin(name: string, { entry, folder, version }: InstalledPackage): Origin {
  return { name, path: folder, version, load: () => importDefault(entry) };
}

async function importDefault(entry: string): Promise<unknown> {
  return ((await import(pathToFileURL(entry).href)) as { default?: unknown }).default;
}

async function localEntry(path: string): Promise<string> {
  for (const candidate of [join(path, "index.ts"), join(path, "index.js"), path])
    if (await isFile(candidate)) return realpath(candidate);
  throw new TplError({
    code: "plugin-not-found",
    message: `there is no plugin at ${path}`,
    hint: "the configuration names it: a plugin is a folder with an index.ts, or a module",
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

async function versionIn(folder: string): Promise<string | undefined> {
  const path = join(folder, "package.json");
  if (!(await isFile(path))) return undefined;
  return (JSON.parse(await readFile(path, "utf8")) as { version?: string }).version;
}

/** `./lab`, `./lab.ts` and `./tplgraph-plugin-lab` are likely to be `lab`. */
function nameOfPath(path: string): string {
  return basename(path, extname(path)).replace(/^tplgraph-plugin-/, "");
}

function isPlugin(value: unknown): value is Plugin {
  const plugin = value as Partial<Plugin> | null | undefined;
  return typeof plugin?.name === "string" && Array.isArray(plugin.steps);
}
