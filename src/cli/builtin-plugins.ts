/** The plugins that come with tplgraph. Loaded when a template uses them. */
import { extname } from "node:path";
import type { BuiltinPlugin } from "../engine/plugin/load.ts";

export const BUILTIN_PLUGINS: Readonly<Record<string, BuiltinPlugin>> = {
  bootstrap: { entry: entryOf("bootstrap"), load: () => import("../plugins/bootstrap/index.ts") },
  ext4: { entry: entryOf("ext4"), load: () => import("../plugins/ext4/index.ts") },
  nbd: { entry: entryOf("nbd"), load: () => import("../plugins/nbd/index.ts") },
  provision: { entry: entryOf("provision"), load: () => import("../plugins/provision/index.ts") },
  rsync: { entry: entryOf("rsync"), load: () => import("../plugins/rsync/index.ts") },
  snapshot: { entry: entryOf("snapshot"), load: () => import("../plugins/snapshot/index.ts") },
  template: { entry: entryOf("template"), load: () => import("../plugins/template/index.ts") },
};

/** `index.ts` in the sources, `index.js` when built. */
function entryOf(name: string): URL {
  return new URL(`../plugins/${name}/index${extname(import.meta.url)}`, import.meta.url);
}
