/**
 * What commands work on: the configuration, the store, the step types. The store is opened when it is first needed,
 * so that a template which does not compile touches nothing.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { loadPlugins } from "../engine/plugin/load.ts";
import type { EngineStore } from "../engine/store.ts";
import { type StoreLocation, storeLocation } from "../store/location.ts";
import type { OpenStoreOptions, Store } from "../store/store.ts";
import { artifactParts, innerImages } from "./artifact-parts.ts";
import type { GlobalFlags } from "./command.ts";
import type { Config } from "./config.ts";
import { version } from "./version.ts";

type Plugins = ReturnType<typeof loadPlugins>;

export interface Workspace extends AsyncDisposable {
  config: Config;
  location: StoreLocation;
  /** Opened once; closed with the workspace. */
  store(): Promise<Store>;
  types(): Promise<Plugins>;
}

export interface OpenWorkspaceOptions {
  /**
   * Whether a store is made where there is none. `if-shared`: where there is a remote, which has things to keep in it.
   * Default: `if-missing`.
   */
  create?: "if-missing" | "if-shared" | "never";
  mode?: "read" | "write";
}

/** Throws TplError `config-…`, later `store-…`. */
export async function openWorkspace(
  flags: GlobalFlags,
  { create = "if-missing", mode = "write" }: OpenWorkspaceOptions = {},
): Promise<Workspace> {
  const config = await readConfig(flags);
  const isMade = create === "if-missing" || (create === "if-shared" && config.shared !== undefined);
  const options = { create: isMade ? "if-missing" : "never", mode } as const;
  const location = storeLocation({ option: flags.store, config });
  let opened: Promise<Store> | undefined;
  const store = () => {
    opened ??= open(location, config, options);
    return opened;
  };
  return {
    config,
    location,
    store,
    types: () => pluginsOf(config, factsOf(location.path, store)),
    async [Symbol.asyncDispose]() {
      // A store that could not be opened has been the command's error already.
      const store = await opened?.catch(() => undefined);
      await store?.close();
    },
  };
}

/** The module that checks a configuration is loaded only where there is one. */
async function readConfig({ config: file }: GlobalFlags): Promise<Config> {
  const cwd = process.cwd();
  const { findConfigFile } = await import("./config-file.ts");
  if (file === undefined && findConfigFile(cwd) === undefined) return { folder: cwd, plugins: [] };
  const { loadConfig } = await import("./config.ts");
  return loadConfig({ file, cwd });
}

async function open(
  { path }: StoreLocation,
  { shared }: Config,
  options: Pick<OpenStoreOptions, "create" | "mode">,
): Promise<Store> {
  const { openStore } = await import("../store/store.ts");
  return openStore({ path, parts: artifactParts, inner: innerImages, shared, ...options });
}

/** Step types of the plugins that `config` names. `facts`: where digests of their code are remembered. */
export async function pluginsOf({ plugins, folder }: Config, facts: EngineStore["facts"]): Promise<Plugins> {
  const { loadPlugins } = await import("../engine/plugin/load.ts");
  const { BUILTIN_PLUGINS } = await import("./builtin-plugins.ts");
  return loadPlugins({
    builtin: BUILTIN_PLUGINS,
    version: version(),
    local: plugins,
    packagesFrom: folder,
    facts,
  });
}

/** What is remembered of plugins' files, where there is a store to remember it: compiling makes none. */
function factsOf(path: string, store: () => Promise<Store>): EngineStore["facts"] {
  const exists = () => existsSync(join(path, "store.json"));
  return {
    get: async (name) => (exists() ? (await store()).facts.get(name) : undefined),
    async set(name, value) {
      if (exists()) await (await store()).facts.set(name, value);
    },
  };
}
