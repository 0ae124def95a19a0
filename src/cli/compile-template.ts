/** A template file as a command line names it → its graph, with what is wrong with it told on stderr. */
import { readFile } from "node:fs/promises";
import type { Graph } from "../engine/graph/graph.ts";
import type { StepTypes } from "../engine/plugin/plugin.ts";
import type { Diagnostic } from "../engine/template/diagnostic.ts";
import type { Terminal } from "./terminal.ts";

export interface CompiledTemplate {
  /** Absent when any diagnostic is an error. */
  graph?: Graph;
  diagnostics: Diagnostic[];
  /** Prints diagnostics with the lines of the template they are about. */
  tell(diagnostics: readonly Diagnostic[]): Promise<void>;
}

/** `params`: `NAME=VALUE`, as `-p` gave them. Diagnostics are told before this resolves. */
export async function compileTemplate(
  file: string,
  options: { params?: Readonly<Record<string, string>>; types: StepTypes; terminal: Terminal },
): Promise<CompiledTemplate> {
  const { compile } = await import("../engine/graph/compile.ts");
  const { params = {}, types, terminal } = options;
  const { graph, diagnostics, sources } = await compile(file, { params, types, readFile });
  const tell = async (list: readonly Diagnostic[]) => {
    if (list.length === 0) return;
    const { diagnosticsText } = await import("../views/diagnostic.ts");
    terminal.err(diagnosticsText(list, { sources, paint: terminal.errPaint }));
  };
  await tell(diagnostics);
  return { ...(graph ? { graph } : {}), diagnostics, tell };
}
