/**
 * A template file → a graph: typed, acyclic, every reference resolved. Reads templates and nothing else of the
 * world. What is wrong comes back as diagnostics, as many as can be told at once; then there is no graph.
 */
import type { Json } from "../artifact.ts";
import type { StepTypes } from "../plugin/plugin.ts";
import type { Diagnostic } from "../template/diagnostic.ts";
import { type Given, paramsInForce } from "../template/params.ts";
import { type ReadFile, startOf } from "../template/read.ts";
import type { Template } from "../template/template.ts";
import { Assembly } from "./assembly.ts";
import { checkSharing } from "./exclusive.ts";
import type { Graph, GraphInstance, GraphOutput } from "./graph.ts";
import { axesOfSteps, combinations, instanceName } from "./matrix.ts";
import { topologicalOrder } from "./order.ts";
import { reachable } from "./reachable.ts";
import { reportUnusedSteps } from "./unused.ts";

export interface CompileOptions {
  /** `-p NAME=TEXT`; read as the parameter's type has it. */
  params?: Readonly<Record<string, string>>;
  /** `--params FILE`: YAML or JSON. */
  paramsFile?: string;
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
  const { nodes, stepOf, diagnostics, sources } = assembly;
  const given = await givenParams(assembly, options);
  const instances = await takeInstancesIn(assembly, template, given);
  const order = topologicalOrder(nodes);
  if (!order) {
    const { reportCycles } = await import("./report-cycles.ts");
    reportCycles(nodes, stepOf, diagnostics);
  }
  checkSharing(nodes, stepOf, diagnostics);
  const outputs = Object.assign(
    {},
    ...instances.map((instance) => instance.graphOutputs),
  ) as Graph["outputs"];
  // A step that is wrong hides what it needs: only of a sound graph can be said what it never builds.
  if (!diagnostics.hasErrors()) reportUnusedSteps(template, nodes, { outputs, stepOf }, diagnostics);
  const compilation = { diagnostics: diagnostics.list(), sources };
  if (!order || diagnostics.hasErrors()) return compilation;
  // Of a template that was taken in, what is not read does not belong to this graph.
  const used = reachable(
    nodes,
    nodes.map(({ id }) => id).filter((id) => !id.includes("/")),
  );
  const graph: Graph = {
    template: { name: template.name, file: template.file, params: instances[0]!.params },
    nodes: order.filter(({ id }) => used.has(id)),
    outputs,
    ...(template.matrix.length > 0 ? { instances: instances.map(({ instance }) => instance) } : {}),
  };
  return { graph, ...compilation };
}

/** What the command line says is stronger than what a file does. */
async function givenParams(assembly: Assembly, options: CompileOptions): Promise<Map<string, Given>> {
  const { params = {}, paramsFile, readFile } = options;
  const given = Object.entries(params).map(([name, text]): [string, Given] => [name, { text }]);
  if (paramsFile === undefined) return new Map(given);
  const { readParamsFile } = await import("../template/params-file.ts");
  return new Map([...(await readParamsFile(paramsFile, readFile, assembly)), ...given]);
}

interface TakenInstance {
  instance: GraphInstance;
  /** The parameters that are the same in all instances. */
  params: Record<string, Json>;
  graphOutputs: Graph["outputs"];
}

/** One without a name where there is no matrix. Ends with the first that has errors: the others have the same. */
async function takeInstancesIn(
  assembly: Assembly,
  template: Template,
  given: ReadonlyMap<string, Given>,
): Promise<TakenInstance[]> {
  const { diagnostics } = assembly;
  const axes = axesOfSteps(template);
  const taken: TakenInstance[] = [];
  for (const combination of combinations(template, given, diagnostics)) {
    const axisValues = [...combination].map(([axis, json]): [string, Given] => {
      const { where } = template.matrix.find(({ name }) => name === axis)!;
      return [axis, { json, where, nameWhere: where }];
    });
    const params = paramsInForce(template, new Map([...given, ...axisValues]), diagnostics);
    // What hangs on a value that is missing would be complained about as well.
    if (params.size < template.params.length) return taken;
    const idOf = (step: string) => step + suffix(instanceName(combination, axes.get(step)));
    const outputs = await assembly.takeIn(template, params, idOf, [template.file]);
    const called = [...outputs].map(([name, output]): [string, string, GraphOutput] => {
      const { step } = assembly.stepOf.get(output.node)!;
      return [name, name + suffix(instanceName(combination, axes.get(step.name))), output];
    });
    taken.push({
      instance: {
        name: instanceName(combination),
        params: Object.fromEntries(combination),
        outputs: Object.fromEntries(called.map(([name, full]) => [name, full])),
      },
      params: Object.fromEntries([...params].filter(([name]) => !combination.has(name))),
      graphOutputs: Object.fromEntries(called.map(([, full, output]) => [full, output])),
    });
    if (diagnostics.hasErrors()) break;
  }
  return taken;
}

function suffix(values: string): string {
  return values === "" ? "" : `[${values}]`;
}
