/**
 * One node's run or acquisition: gathers its values, gives the step its context, checks what it returns, and
 * closes its scope. An artifact node's scope closes when it ends; a resource's, when it is released.
 */
import type { Artifact, Json } from "../artifact.ts";
import { TplError } from "../errors.ts";
import type { GraphNode, InputBinding } from "../graph/graph.ts";
import { dataDigest } from "../key/canonical.ts";
import { type Known, valueAt } from "../key/preimage.ts";
import { stepTypeOf } from "../plan/evaluate.ts";
import type { StepTypes } from "../plugin/plugin.ts";
import { portInfo } from "../plugin/port.ts";
import type { StepType } from "../plugin/step.ts";
import type { EngineStore } from "../store.ts";
import { errorData } from "./error-data.ts";
import type { RunEvent, Unstamped } from "./event.ts";
import type { Values } from "./leases.ts";
import type { Placement } from "./record.ts";
import { type CleanupFailure, Scope } from "./scope.ts";
import type { Services } from "./services.ts";
import { openStepContext } from "./step-context.ts";

export interface NodeBuilderOptions {
  run: string;
  store: EngineStore;
  types: StepTypes;
  services(): Promise<Services>;
  signal: AbortSignal;
  emit(event: Unstamped<RunEvent>): void;
  onScopeClosed(released: number, failures: CleanupFailure[]): void;
  onError?(node: string, error: unknown): Promise<void>;
}

export interface Surroundings extends Partial<Placement> {
  known: ReadonlyMap<string, Known>;
  /** Values of the resources that the node holds. */
  resources: ReadonlyMap<string, Values>;
  resolved: Record<string, Json>;
  /** What the node's key was computed with. */
  refs: ReadonlyMap<InputBinding, Artifact>;
}

/** What an artifact node made. */
export interface Built {
  outputs: Record<string, Artifact>;
  /** By how many bytes the store has grown: what it had already counts nothing. */
  addedBytes: number;
}

interface Held {
  scope: Scope;
  /** The damaged artifact that reading it met, if any. */
  fault: Fault;
}

type Fault = () => Promise<Error | undefined>;

export class NodeBuilder {
  readonly #options: NodeBuilderOptions;
  readonly #aftermath = new Set<unknown>();
  #toolCalls = 0;
  /** By the values that were handed out: a resource may be held twice while a rebuilt one takes an old one's place. */
  readonly #held = new Map<Values, Held>();

  constructor(options: NodeBuilderOptions) {
    this.#options = options;
  }

  /** Whether a step threw `error` after the build had been cancelled: then it tells of that, in its own words. */
  isAftermath(error: unknown): boolean {
    return this.#aftermath.has(error);
  }

  /** Runs an artifact node; nothing it took is left when this settles. */
  async run(node: GraphNode, around: Surroundings): Promise<Built> {
    const scope = new Scope(node.id);
    this.#options.emit({ type: "node-started", node: node.id, uses: node.uses, ...placementOf(around) });
    try {
      const { type } = await stepTypeOf(node, this.#options.types);
      const { values, addedBytes } = await this.#call(node, type, scope, around);
      return { outputs: asArtifacts(node, type, values), addedBytes };
    } finally {
      await this.#close(scope);
    }
  }

  /** Acquires a resource node and returns what its consumers get; it is held until `release`. */
  async acquire(node: GraphNode, around: Surroundings): Promise<Values> {
    const { emit } = this.#options;
    const scope = new Scope(node.id);
    const begun = performance.now();
    const seconds = () => (performance.now() - begun) / 1000;
    emit({ type: "node-started", node: node.id, uses: node.uses });
    try {
      const { type } = await stepTypeOf(node, this.#options.types);
      const { values, fault } = await this.#call(node, type, scope, around);
      this.#held.set(values, { scope, fault });
      emit({ type: "node-finished", node: node.id, status: "built", seconds: seconds() });
      emit({ type: "resource-acquired", node: node.id });
      return values;
    } catch (error) {
      await this.#close(scope);
      const status = this.#options.signal.aborted ? "cancelled" : "failed";
      emit({
        type: "node-finished",
        node: node.id,
        status,
        seconds: seconds(),
        ...(status === "failed" ? { error: errorData(error) } : {}),
      });
      throw error;
    }
  }

  /** `values`: as `acquire` returned them. */
  async release(node: GraphNode, values: Values): Promise<void> {
    const held = this.#held.get(values);
    if (!held) throw new Error(`bug: ${node.id} is released but was not held`);
    this.#held.delete(values);
    await this.#close(held.scope);
    this.#options.emit({ type: "resource-released", node: node.id });
  }

  async #call(
    node: GraphNode,
    type: StepType,
    scope: Scope,
    around: Surroundings,
  ): Promise<{ values: Values; fault: Fault; addedBytes: number }> {
    const { run, store, emit, onError, signal } = this.#options;
    const inputs = inputValues(node, type, around);
    const services = await this.#options.services();
    signal.throwIfAborted();
    const deadline = nodeSignal(signal, node);
    const { step, diskFault, addedBytes } = openStepContext({
      run,
      node: node.id,
      inputs,
      resolved: around.resolved,
      folder: node.folder,
      signal: deadline.signal,
      scope,
      store,
      services,
      onLog: (line, stream) => emit({ type: "node-log", node: node.id, stream, line: printable(line) }),
      onTool: (command) => this.#toolStarted(node.id, command),
      onProgress: (done, total, unit) => emit({ type: "node-progress", node: node.id, done, total, unit }),
      onAcquired: (acquisition) => emit({ type: "resource-acquired", node: node.id, acquisition }),
      onReleased: (acquisition) => emit({ type: "resource-released", node: node.id, acquisition }),
    });
    const resourceFault = firstOf(this.#faultsOf(around));
    const fault = firstOf([diskFault, resourceFault]);
    try {
      const values = await (type.kind === "artifact" ? type.run(step) : type.acquire(step));
      // A tool may have made something of what it could read.
      const met = type.kind === "artifact" ? await resourceFault() : undefined;
      if (met) throw met;
      return { values: { ...values }, fault, addedBytes: addedBytes() };
    } catch (error) {
      if (signal.aborted) this.#aftermath.add(error);
      const cause = signal.aborted ? error : ((await fault()) ?? error);
      if (!signal.aborted) await onError?.(node.id, cause);
      throw cause;
    } finally {
      deadline.clear();
    }
  }

  /** Returns what to call when it has ended. */
  #toolStarted(node: string, command: readonly string[]): (exitCode: number | null) => void {
    const { emit } = this.#options;
    const call = this.#toolCalls++;
    const begun = performance.now();
    emit({ type: "tool-started", node, call, command: command.map(cutArgument) });
    return (exitCode) =>
      emit({ type: "tool-finished", node, call, exitCode, seconds: (performance.now() - begun) / 1000 });
  }

  /** Of what the node reads through resources: a tool that reads a mounted tree sees only an I/O error. */
  #faultsOf({ resources }: Surroundings): Fault[] {
    return [...resources.values()].flatMap((values) => this.#held.get(values)?.fault ?? []);
  }

  async #close(scope: Scope): Promise<void> {
    const failures = await scope.close();
    this.#options.onScopeClosed(scope.released, failures);
  }
}

function firstOf(faults: readonly Fault[]): Fault {
  return async () => {
    for (const fault of faults) {
      const error = await fault();
      if (error) return error;
    }
    return undefined;
  };
}

/** The build's signal, and the node's own timeout where the template gives one. */
function nodeSignal(build: AbortSignal, node: GraphNode): { signal: AbortSignal; clear(): void } {
  if (node.timeoutMs === undefined) return { signal: build, clear: () => undefined };
  const own = new AbortController();
  const timer = setTimeout(
    () =>
      own.abort(
        new TplError({
          code: "step-timeout",
          message: `step "${node.id}" did not end within its timeout of ${node.timeoutMs! / 1000} s`,
          hint: "raise the step's timeout if it needs longer",
        }),
      ),
    node.timeoutMs,
  );
  return { signal: AbortSignal.any([build, own.signal]), clear: () => clearTimeout(timer) };
}

function inputValues(node: GraphNode, type: StepType, around: Surroundings): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(type.inputs)) {
    const binding = node.inputs[name];
    const value = binding && inputValue(binding, around);
    const checked = schema.safeParse(value);
    if (!checked.success)
      throw new TplError({
        code: "wrong-value",
        message: `input "${name}" of step "${node.id}": ${checked.error.issues.map((issue) => issue.message).join("; ")}`,
        ...(binding ? { where: binding.where } : {}),
      });
    values[name] = checked.data;
  }
  return values;
}

function inputValue(binding: InputBinding, { known, resources, refs }: Surroundings): unknown {
  if (binding.from === "literal") return binding.value;
  if (binding.from === "ref") return refs.get(binding);
  const resource = resources.get(binding.node);
  if (resource) {
    const value = resource[binding.output];
    return binding.path.length > 0 ? valueAt(value as Json, binding.path) : value;
  }
  const source = known.get(binding.node);
  if (source?.kind !== "artifact") throw new Error(`bug: ${binding.node} was read before it was there`);
  const artifact = source.outputs[binding.output]!;
  return artifact.type === "data" ? valueAt(artifact.value, binding.path) : artifact;
}

/** What `run` returned, held against the output schemas; plain data is given its digest. */
function asArtifacts(node: GraphNode, type: StepType, values: Values): Record<string, Artifact> {
  const outputs: Record<string, Artifact> = {};
  for (const [name, schema] of Object.entries(type.outputs)) {
    const checked = schema.safeParse(values[name]);
    if (!checked.success)
      throw new TplError({
        code: "bad-output",
        message: `${node.uses} returned no valid output "${name}": ${checked.error.issues[0]?.message}`,
        hint: "this is a fault of the plugin",
      });
    if (checked.data === undefined) continue;
    const value = checked.data as Json;
    outputs[name] = portInfo(schema).type
      ? (checked.data as Artifact)
      : { type: "data", digest: dataDigest(value), value };
  }
  return outputs;
}

function placementOf({ readyAt, startedAt, job }: Surroundings): Partial<Placement> {
  return readyAt === undefined || startedAt === undefined || job === undefined
    ? {}
    : { readyAt, startedAt, job };
}

const MAX_ARGUMENT_CHARS = 4096;

function cutArgument(argument: string): string {
  return argument.length > MAX_ARGUMENT_CHARS ? `${argument.slice(0, MAX_ARGUMENT_CHARS)}…` : argument;
}

/** Control sequences (ECMA-48 CSI, OSC and single controls) are stripped: a guest's output must not steer a terminal. */
function printable(line: string): string {
  return line
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-Z\\-_]/g, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}
