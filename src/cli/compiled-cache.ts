/**
 * Compiled graphs, kept in the store with what planning found of them: a run whose templates, parameters and plugins
 * are what they were the last time neither parses nor compiles. One is found by what was asked for and where (paths are
 * relative to the working folder), and holds as long as every file that was read is the same by its stat (device, inode,
 * size, both times) and every step type has the same implementation. Only graphs of which nothing was said are kept: a warning is to be told each time.
 *
 * From sources (a checkout without its build) nothing is kept: the compiler's own code may change from run to run.
 */
import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Json } from "../engine/artifact.ts";
import type { Compilation } from "../engine/graph/compile.ts";
import { packGraph, unpackGraph } from "../engine/graph/packed-graph.ts";
import { canonicalJson, sha256 } from "../engine/key/canonical.ts";
import { fileIdentity } from "../engine/key/tool-version.ts";
import type { Remembered } from "../engine/plan/remembered.ts";
import type { StepTypes } from "../engine/plugin/plugin.ts";
import { beFrugal } from "./frugal-heap.ts";

/** The first line of a kept graph; the second is the graph. */
interface Header {
  schema: "tplgraph.compiled/1";
  /** Of this compilation: what is remembered of its plan names it. */
  id: string;
  /** `fileIdentity` of every template that was read. */
  files: string[];
  /** By `uses`. */
  implementations: Record<string, string>;
}

/** What was found of a kept graph's plan. */
export interface PlanMemory {
  read(): Remembered | undefined;
  write(remembered: Remembered): void;
}

export interface KeptCompilation extends Compilation {
  /** Of a graph that is kept. */
  memory?: PlanMemory;
}

/** A file changed less than this long ago may change again without its times showing it. */
const RACY_MS = 2000;
/** Of some 10,000 steps. */
const LARGE_CHARS = 2 * 1024 * 1024;
/** Files; beyond this many the oldest go. */
const MAX_KEPT = 128;

export interface CompiledCacheOptions {
  /** The store's folder. Nothing is made where there is none. */
  store: string;
  types: StepTypes;
}

/**
 * The graph of `file`, kept or by `compile`. `asked`: whatever else the graph depends on, the parameters given above
 * all. A kept graph comes without sources.
 */
export async function compiledOnce(
  file: string,
  asked: Json,
  { store, types }: CompiledCacheOptions,
  compile: () => Promise<Compilation>,
): Promise<KeptCompilation> {
  const program = fileURLToPath(import.meta.url);
  if (extname(program) === ".ts" || !existsSync(join(store, "store.json"))) return compile();
  const name = sha256(canonicalJson([fileIdentity(program), process.cwd(), file, asked]));
  const path = join(store, "compiled", name);
  const kept = await readKept(path, types);
  if (kept) return { ...kept, diagnostics: [], sources: new Map() };
  const compilation = await compile();
  if (!compilation.graph || compilation.diagnostics.length > 0) return compilation;
  const header = await headerOf(compilation, types);
  if (!header) return compilation;
  writeKept(path, `${JSON.stringify(header)}\n${packGraph(compilation.graph)}`);
  return { ...compilation, memory: memoryOf(path, header.id) };
}

/** Undefined where there is none, or where it holds no more. */
async function readKept(
  path: string,
  types: StepTypes,
): Promise<Pick<KeptCompilation, "graph" | "memory"> | undefined> {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > LARGE_CHARS) beFrugal();
    const end = text.indexOf("\n");
    const { id, files, implementations } = JSON.parse(text.slice(0, end)) as Header;
    if (!files.every(isSame)) return undefined;
    for (const [uses, implementation] of Object.entries(implementations))
      if ((await types.get(uses))?.plugin.implementation !== implementation) return undefined;
    return { graph: unpackGraph(text.slice(end + 1)), memory: memoryOf(path, id) };
  } catch {
    return undefined; // not there, cut short, or a plugin that does not load: compiling finds out and tells
  }
}

/** The path stands first in an identity, and may hold colons; five numbers follow it. */
function isSame(identity: string): boolean {
  return fileIdentity(identity.replace(/(:\d+){5}$/, "")) === identity;
}

/** Undefined: a template may still be changing. */
async function headerOf({ graph, sources }: Compilation, types: StepTypes): Promise<Header | undefined> {
  const paths = [...sources.keys()].map((file) => resolve(file));
  const changedMs = paths
    .map((path) => statSync(path))
    .map(({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs));
  if (Math.max(...changedMs) > Date.now() - RACY_MS) return undefined;
  const implementations: Header["implementations"] = {};
  for (const { uses } of graph!.nodes)
    implementations[uses] ??= (await types.get(uses))!.plugin.implementation;
  return { schema: "tplgraph.compiled/1", id: randomUUID(), files: paths.map(fileIdentity), implementations };
}

function memoryOf(path: string, id: string): PlanMemory {
  const file = `${path}.plan`;
  return {
    read() {
      try {
        const text = readFileSync(file, "utf8");
        const end = text.indexOf("\n");
        return text.slice(0, end) === id ? (JSON.parse(text.slice(end + 1)) as Remembered) : undefined;
      } catch {
        return undefined; // not there, or cut short
      }
    },
    write: (remembered) => writeKept(file, `${id}\n${JSON.stringify(remembered)}`),
  };
}

/** A store that is only read, or full, keeps nothing: then it is compiled again. */
function writeKept(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, path);
    removeOldest(dirname(path));
  } catch {
    rmSync(temporary, { force: true });
  }
}

function removeOldest(folder: string): void {
  const names = readdirSync(folder);
  if (names.length <= MAX_KEPT) return;
  const aged = names.map((name) => ({ name, ms: statSync(join(folder, name)).mtimeMs }));
  for (const { name } of aged.sort((a, b) => b.ms - a.ms).slice(MAX_KEPT))
    rmSync(join(folder, name), { force: true });
}
