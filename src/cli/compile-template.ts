/** A template file as a command line names it → its graph, with what is wrong with it told on stderr. */
import { readFile } from "node:fs/promises";
import type { Graph } from "../engine/graph/graph.ts";
import type { StepTypes } from "../engine/plugin/plugin.ts";
import type { Diagnostic } from "../engine/template/diagnostic.ts";
import type { ParamFlags } from "./build-flags.ts";
import { compiledOnce, type KeptCompilation, type PlanMemory } from "./compiled-cache.ts";
import type { Terminal } from "./terminal.ts";

export interface CompiledTemplate {
  /** Absent when any diagnostic is an error. */
  graph?: Graph;
  /** Of a graph that is kept in the store. */
  memory?: PlanMemory;
  diagnostics: Diagnostic[];
  /** Prints diagnostics with the lines of the template they are about. */
  tell(diagnostics: readonly Diagnostic[]): Promise<void>;
}

/** Diagnostics are told before this resolves. */
export async function compileTemplate(
  file: string,
  options: {
    flags: ParamFlags;
    types: StepTypes;
    terminal: Terminal;
    /** The store's folder, where compiled graphs are kept. Absent: compiled anew. */
    store?: string;
  },
): Promise<CompiledTemplate> {
  const { flags, types, terminal, store } = options;
  const asked = {
    params: flags.param,
    ...(flags.params === undefined ? {} : { paramsFile: flags.params }),
  };
  const compileAnew = async () => {
    const { compile } = await import("../engine/graph/compile.ts");
    return compile(file, { ...asked, types, readFile });
  };
  const { graph, memory, diagnostics, sources }: KeptCompilation =
    store === undefined
      ? await compileAnew()
      : await compiledOnce(file, asked, { store, types }, compileAnew);
  const tell = async (list: readonly Diagnostic[]) => {
    if (list.length === 0) return;
    const { diagnosticsText } = await import("../views/diagnostic.ts");
    // Of a graph that was kept, the templates were not read.
    for (const path of new Set(list.map(({ where }) => where.file)))
      if (!sources.has(path)) sources.set(path, await readFile(path, "utf8").catch(() => ""));
    terminal.err(diagnosticsText(list, { sources, paint: terminal.errPaint }));
  };
  await tell(diagnostics);
  return { ...(graph ? { graph } : {}), ...(memory ? { memory } : {}), diagnostics, tell };
}
