/**
 * Bundles the command: what any start of it loads comes from one file, since Node spends more on finding and linking
 * some 340 modules than on running them (docs/performance.md, "A cached run"). The library, the plugins' folders (keys
 * cover what is in them) and the disk host stay as tsc wrote them.
 */
import { defineConfig, type Plugin, type RolldownOptions } from "rolldown";

/**
 * By the end of the path: where dist/cli/ finds what stays a module of its own. `errors` because a plugin of others
 * imports it by way of `tplgraph/plugin`, and a class must be the same one on both sides; the hasher and the services
 * of a run because they start programs and threads that lie beside them.
 */
const OUTSIDE: Readonly<Record<string, string>> = {
  "cli/program.ts": "./program.js",
  "engine/errors.ts": "../engine/errors.js",
  "image/hash/hasher.ts": "../image/hash/hasher.js",
  "run-services.ts": "../run-services.js",
  "store/objects/s3.ts": "../store/objects/s3.js",
  "store/records/redis.ts": "../store/records/redis.js",
};

const outside: Plugin = {
  name: "outside",
  async resolveId(source, importer) {
    if (importer === undefined) return null;
    const found = await this.resolve(source, importer, { skipSelf: true });
    const end = Object.keys(OUTSIDE).find((path) => found?.id.endsWith(`/src/${path}`));
    return end === undefined ? null : { id: OUTSIDE[end]!, external: true };
  },
};

/** Loaded seldom, and from node_modules. */
const SELDOM = [/^@aws-sdk\//, /^@redis\//, /^@smithy\//, "@viz-js/viz", "cosmiconfig", "execa", "pino"];

function bundle(input: string): RolldownOptions {
  return { input, platform: "node", external: SELDOM, plugins: [outside] };
}

/** A page's script: in one piece, since a page holds it between its own tags. */
function page(name: string): RolldownOptions {
  return {
    input: `src/page/${name}.ts`,
    platform: "browser",
    output: { file: `dist/page/${name}.js`, format: "iife", minify: true },
  };
}

export default defineConfig([
  // Apart, and in parts: an old Node must be able to read it, to say that it is too old.
  {
    ...bundle("src/cli/main.ts"),
    output: { dir: "dist/cli", chunkFileNames: "[name].js" },
  },
  // In one file, where a module still runs only when it is first imported.
  {
    ...bundle("src/cli/program.ts"),
    output: { file: "dist/cli/program.js", codeSplitting: false },
  },
  page("main"),
  page("overview"),
]);
