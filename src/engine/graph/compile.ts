/**
 * A template file → a graph: typed, acyclic, every reference resolved. Reads templates and nothing else of the
 * world. What is wrong comes back as diagnostics, as many as can be told at once; then there is no graph.
 */
import type { StepTypes } from "../plugin/plugin.ts";
import type { Diagnostic } from "../template/diagnostic.ts";
import { type Given, paramsInForce } from "../template/params.ts";
import { type ReadFile, startOf } from "../template/read.ts";
import type { Template } from "../template/template.ts";
import { Assembly } from "./assembly.ts";
import { checkSharing } from "./exclusive.ts";
import type { Graph } from "./graph.ts";
import { topologicalOrder } from "./order.ts";
import { reachable } from "./reachable.ts";
import { reportUnusedSteps } from "./unused.ts";

export interface CompileOptions {
  /** `-p NAME=TEXT`; read as the type of the parameter's default. */
  params?: Readonly<Record<string, string>>;
  types: StepTypes;
  readFile: ReadFile;
}

export interface Compilation {
  /** Absent when any diagnostic is an error. */
  graph?: Graph;
  diagnostics: Diagnostic[];
  /** Texts of the templates that were read, by their paths as the diagnostics have them. */
  sources: Map<string, string>;
}

/** `file` as it was given: positions and messages name it so. */
export async function compile(file: string, options: CompileOptions): Promise<Compilation> {
  const assembly = new Assembly(options.types, options.readFile);
  const template = await assembly.read(file, startOf(file));
  if (template) return finish(assembly, template, options);
  return { diagnostics: assembly.diagnostics.list(), sources: assembly.sources };
}

/** The same for a template that was parsed or made already. */
export function compileTemplate(template: Template, options: CompileOptions): Promise<Compilation> {
  return finish(new Assembly(options.types, options.readFile), template, options);
}

async function finish(assembly: Assembly, template: Template, options: CompileOptions): Promise<Compilation> {
  const given = Object.entries(options.params ?? {}).map(([name, text]): [string, Given] => [name, { text }]);
  const params = paramsInForce(template, new Map(given), assembly.diagnostics);
  const bound = await assembly.takeIn(template, params, "", [template.file]);
  const { nodes, stepOf, diagnostics, sources } = assembly;
  const order = topologicalOrder(nodes);
  if (!order) {
    const { reportCycles } = await import("./report-cycles.ts");
    reportCycles(nodes, stepOf, diagnostics);
  }
  checkSharing(nodes, stepOf, diagnostics);
  const outputs = Object.fromEntries(bound);
  // A step that is wrong hides what it needs: only of a sound graph can be said what it never builds.
  if (!diagnostics.hasErrors()) reportUnusedSteps(template, nodes, outputs, diagnostics);
  const compilation = { diagnostics: diagnostics.list(), sources };
  if (!order || diagnostics.hasErrors()) return compilation;
  // Of a template that was taken in, what is not read does not belong to this graph.
  const used = reachable(
    nodes,
    nodes.map(({ id }) => id).filter((id) => !id.includes("/")),
  );
  const graph: Graph = {
    template: { name: template.name, file: template.file, params: Object.fromEntries(params) },
    nodes: order.filter(({ id }) => used.has(id)),
    outputs,
  };
  return { graph, ...compilation };
}
