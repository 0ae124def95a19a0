/**
 * The nodes of a compilation as they come together: the template's own, those of templates that it takes in
 * (each once for a set of parameters, under its own name), and one for every file that is read as an artifact.
 */
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import { canonicalJson } from "../key/canonical.ts";
import type { StepTypes } from "../plugin/plugin.ts";
import { portInfo } from "../plugin/port.ts";
import { Diagnostics } from "../template/diagnostic.ts";
import { whereAt, whereOfKey } from "../template/json-value.ts";
import { type Given, paramsInForce } from "../template/params.ts";
import { parseTemplate } from "../template/parse.ts";
import { type ReadFile, readTemplate } from "../template/read.ts";
import type { Template, TemplateStep } from "../template/template.ts";
import type { ArtifactSource } from "./artifact-source.ts";
import { bindOutputs } from "./bind-outputs.ts";
import type { InputPlace } from "./bind-reference.ts";
import { bindStep } from "./bind-step.ts";
import { bindTakenOutput } from "./bind-taken-output.ts";
import type { GraphNode, GraphOutput, InputBinding } from "./graph.ts";
import { portWords } from "./port-words.ts";
import { TypeLookup } from "./resolve-types.ts";
import type { ScopedStep, TemplateScope } from "./scope.ts";

/** The outputs of a template whose nodes are in the assembly. */
type Outputs = ReadonlyMap<string, GraphOutput>;

type SourceOf<From extends ArtifactSource["from"]> = ArtifactSource & { from: From };

export class Assembly {
  readonly nodes: GraphNode[] = [];
  readonly stepOf = new Map<string, ScopedStep>();
  readonly diagnostics = new Diagnostics();
  /** Text of every template read, by its path as positions have it. */
  readonly sources = new Map<string, string>();
  readonly #types: TypeLookup;
  readonly #readFile: ReadFile;
  /** By absolute path; undefined: it was read and there is nothing to go on with. */
  readonly #templates = new Map<string, Template | undefined>();
  readonly #takenIn = new Map<string, Outputs>();
  readonly #prefixes = new Set<string>();

  constructor(types: StepTypes, readFile: ReadFile) {
    this.#types = new TypeLookup(types, this.diagnostics);
    this.#readFile = readFile;
  }

  /** Reads and parses a file; `blame` is where a file that cannot be read is complained about. */
  async read(file: string, blame: Position): Promise<Template | undefined> {
    const path = resolve(file);
    if (this.#templates.has(path)) return this.#templates.get(path);
    const read = await readTemplate(file, this.#readFile);
    if ("fault" in read) {
      this.diagnostics.error(blame, read.fault);
      return undefined;
    }
    this.sources.set(file, read.text);
    const { template, diagnostics } = await parseTemplate(read.text, file);
    this.diagnostics.addAll(diagnostics);
    this.#templates.set(path, template);
    return template;
  }

  /**
   * `chain`: the templates that are being taken in, outermost first, this one last. `idOf`: what the node of a step is
   * called; one that is there already, of another instance of the same template, stays as it is.
   */
  async takeIn(
    template: Template,
    params: ReadonlyMap<string, Json>,
    idOf: (step: string) => string,
    chain: readonly string[],
  ): Promise<Outputs> {
    const { diagnostics } = this;
    const steps = new Map<string, ScopedStep>();
    for (const step of template.steps) {
      const type = await this.#types.get(step.uses.value, step.uses.where);
      steps.set(step.name, { step, id: idOf(step.name), type });
    }
    const folder = resolve(dirname(template.file));
    const scope: TemplateScope = { template, params, folder, steps, diagnostics };
    for (const step of steps.values()) if (!this.stepOf.has(step.id)) await this.#add(scope, step, chain);
    return bindOutputs(scope);
  }

  async #add(scope: TemplateScope, step: ScopedStep, chain: readonly string[]): Promise<void> {
    const { type } = step;
    this.stepOf.set(step.id, step);
    if (!type) return;
    const node = await bindStep(scope, { ...step, type }, (place, source) =>
      this.#bindSource(place, source, chain),
    );
    this.nodes.push(node);
  }

  async #bindSource(
    place: InputPlace,
    source: ArtifactSource,
    chain: readonly string[],
  ): Promise<InputBinding | undefined> {
    if (source.from === "template") return this.#fromTemplate(place, source, chain);
    if (source.from === "file") return this.#fromFile(place, source, chain);
    const { ref, output, value } = source;
    const type = portInfo(place.port).type as (InputBinding & { from: "ref" })["type"];
    return {
      from: "ref",
      ref,
      ...(output === undefined ? {} : { output }),
      type,
      where: whereAt(value, ["ref"]),
    };
  }

  async #fromTemplate(
    place: InputPlace,
    source: SourceOf<"template">,
    chain: readonly string[],
  ): Promise<InputBinding | undefined> {
    const { template: path, params, value } = source;
    const file = isAbsolute(path) ? path : join(dirname(place.scope.template.file), path);
    const where = whereAt(value, ["template"]);
    const at = chain.findIndex((outer) => resolve(outer) === resolve(file));
    if (at >= 0) {
      const message = `templates take each other in in a circle: ${[...chain.slice(at), file].join(" → ")}`;
      this.diagnostics.error(where, { code: "template-cycle", message });
      return undefined;
    }
    const template = await this.read(file, where);
    if (!template) return undefined;
    const given = new Map<string, Given>();
    for (const [name, json] of Object.entries(params)) {
      const nameWhere = whereOfKey(value, ["params"], name);
      given.set(name, { json, where: whereAt(value, ["params", name]), nameWhere });
    }
    const outputs = await this.#takeInOnce(template, given, [...chain, file]);
    return bindTakenOutput(place, source, template, outputs);
  }

  async #takeInOnce(
    template: Template,
    given: ReadonlyMap<string, Given>,
    chain: readonly string[],
  ): Promise<Outputs> {
    const params = paramsInForce(template, given, this.diagnostics);
    if (params.size < template.params.length) return new Map();
    const id = `${resolve(template.file)}\n${canonicalJson(Object.fromEntries(params))}`;
    const known = this.#takenIn.get(id);
    if (known) return known;
    const prefix = this.#newPrefix(template.name);
    const outputs = await this.takeIn(template, params, (step) => prefix + step, chain);
    this.#takenIn.set(id, outputs);
    return outputs;
  }

  /** `NAME/`, or where another template or other parameters have that, `NAME~2/` and so on. */
  #newPrefix(name: string): string {
    let prefix = `${name}/`;
    for (let count = 2; this.#prefixes.has(prefix); count++) prefix = `${name}~${count}/`;
    this.#prefixes.add(prefix);
    return prefix;
  }

  /** A node that takes the file in, by the step type that the port names for it. */
  async #fromFile(
    { scope, step: consumer, input, port }: InputPlace,
    { file, value }: SourceOf<"file">,
    chain: readonly string[],
  ): Promise<InputBinding | undefined> {
    const { fileVia, type: wanted } = portInfo(port);
    const where = whereAt(value, ["file"]);
    const type = await this.#types.get(fileVia!, where);
    if (!type) return undefined;
    const fitting = Object.keys(type.outputs).filter((name) => portInfo(type.outputs[name]!).type === wanted);
    if (fitting.length !== 1)
      throw new Error(
        `bug: ${fileVia}, which takes files in, must have one output that is ${portWords(port)}`,
      );
    const id = `${consumer.id}.${input}`;
    const step: TemplateStep = {
      name: `${consumer.step.name}.${input}`,
      where,
      uses: { value: fileVia!, where },
      with: [{ key: "file", keyWhere: where, value: { kind: "scalar", value: file, where } }],
      needs: [],
    };
    await this.#add(scope, { step, id, type }, chain);
    return { from: "node", node: id, output: fitting[0]!, path: [], where };
  }
}
