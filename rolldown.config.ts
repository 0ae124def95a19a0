/**
 * Bundles the command and the disk host: what any start of them loads comes from one file each, since Node spends more
 * on finding and linking some 340 modules than on running them (docs/performance.md, "A cached run"). The library and
 * the plugins' folders (keys cover what is in them) stay as tsc wrote them.
 */
import { dirname, posix } from "node:path";
import { defineConfig, type Plugin, type RolldownOptions } from "rolldown";

/**
 * What stays a module of its own in dist/. `errors` because a plugin of others imports it by way of `tplgraph/plugin`,
 * and a class must be the same one on both sides; the hasher and the services of a run because they start programs and
 * threads that lie beside them; the others because they are seldom needed, and large.
 */
const OUTSIDE = [
  "cli/program",
  "engine/errors",
  "engine/execa",
  "image/hash/hasher",
  "run-services",
  "store/objects/s3",
  "store/records/redis",
];

/** `entry`: of the bundle, without `src/` and the suffix. */
function outside(entry: string): Plugin {
  return {
    name: "outside",
    async resolveId(source, importer) {
      if (importer === undefined) return null;
      const found = await this.resolve(source, importer, { skipSelf: true });
      const module = OUTSIDE.find((path) => found?.id.endsWith(`/src/${path}.ts`));
      if (module === undefined) return null;
      const path = posix.relative(dirname(entry), `${module}.js`);
      return { id: path.startsWith(".") ? path : `./${path}`, external: true };
    },
  };
}

/** Loaded seldom, and from node_modules. */
const SELDOM = [/^@aws-sdk\//, /^@redis\//, /^@smithy\//, "@viz-js/viz", "cosmiconfig", "execa", "pino"];

function bundle(entry: string): RolldownOptions {
  return { input: `src/${entry}.ts`, platform: "node", external: SELDOM, plugins: [outside(entry)] };
}

/** In one file, where a module still runs only when it is first imported. */
function inOneFile(entry: string): RolldownOptions {
  return { ...bundle(entry), output: { file: `dist/${entry}.js`, codeSplitting: false } };
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
    ...bundle("cli/main"),
    output: { dir: "dist/cli", chunkFileNames: "[name].js" },
  },
  inOneFile("cli/program"),
  { ...inOneFile("engine/execa"), external: [] },
  inOneFile("image/host/client"),
  inOneFile("image/host/main"),
  inOneFile("image/host/reader-thread"),
  inOneFile("store/blobs/host-blobs"),
  page("main"),
  page("overview"),
]);
