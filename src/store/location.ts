/** Which folder is the store: the first that is given of `--store`, `TPLGRAPH_STORE`, the config file, the user's cache folder. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface StoreLocation {
  /** Absolute. */
  path: string;
  /** Who said so, for messages and `doctor`. */
  from: "--store" | "TPLGRAPH_STORE" | "config" | "default";
}

export interface StoreLocationOptions {
  /** `--store`, relative to `cwd`. */
  option?: string | undefined;
  /** The config file's `store`, relative to the folder of that file. */
  config?: { store?: string | undefined; folder: string } | undefined;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** An empty text counts as not given. Default: `$XDG_CACHE_HOME/tplgraph`, else `~/.cache/tplgraph` (XDG Base Directory Specification 0.8). */
export function storeLocation(options: StoreLocationOptions = {}): StoreLocation {
  const { option, config, env = process.env, cwd = process.cwd() } = options;
  if (option) return { path: resolve(cwd, option), from: "--store" };
  if (env.TPLGRAPH_STORE) return { path: resolve(cwd, env.TPLGRAPH_STORE), from: "TPLGRAPH_STORE" };
  if (config?.store) return { path: resolve(config.folder, config.store), from: "config" };
  return { path: join(cacheFolder(env), "tplgraph"), from: "default" };
}

/** The specification has relative paths ignored. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.XDG_CACHE_HOME?.startsWith("/")) return env.XDG_CACHE_HOME;
  return join(env.HOME || homedir(), ".cache");
}
