/**
 * Node keeps the compiled code of our modules between runs, which halves the time to start. In the user's own cache
 * folder: Node's default is below /tmp, where another user could put code for root to run.
 */
import { enableCompileCache } from "node:module";

export function cacheCompiledCode(): void {
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  const cacheFolder = XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : HOME && `${HOME}/.cache`;
  const folder = NODE_COMPILE_CACHE || (cacheFolder && `${cacheFolder}/tplgraph-node`);
  // Where the folder cannot be made, Node goes on without.
  if (folder) enableCompileCache(folder);
}
