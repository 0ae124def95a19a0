/**
 * What can be said of one node once everything it reads is known: its key, and whether the store has its output.
 * Plan asks it for every node it can; run asks it again for those that were pending.
 */
import type { Artifact, Json } from "../artifact.ts";
import type { GraphNode, InputBinding } from "../graph/graph.ts";
import { type KeyPreimage, type Known, keyOf, preimageOf, valueAt } from "../key/preimage.ts";
import { toolVersion } from "../key/tool-version.ts";
import type { LoadedPlugin, StepTypes } from "../plugin/plugin.ts";
import type { StepType } from "../plugin/step.ts";
import type { CacheRecord } from "../run/record.ts";
import type { EngineStore } from "../store.ts";
import { lookUp } from "./look-up.ts";
import type { Pins } from "./pins.ts";
import { planContext, type ReadImageHead } from "./plan-context.ts";

export interface EvaluateOptions {
  store: EngineStore;
  types: StepTypes;
  now(): number;
  salt?: string;
  /** Ask again what mutable names stand for. */
  refresh?: boolean;
  /** For step types that look at an image while planning. */
  readImageHead?: ReadImageHead;
  /** How long the answer for a mutable name holds. Default one day. */
  maxAgeMs?: number;
  /** What mutable inputs are to stand for, whatever the world says: a lock. */
  pins?: Pins;
}

export interface Evaluation {
  key: string;
  preimage: KeyPreimage;
  resolved: Record<string, Json>;
  /** What the names among the inputs stood for: what the node is then run with, wherever they have moved to. */
  refs: ReadonlyMap<InputBinding, Artifact>;
  record: CacheRecord | undefined;
  /** Others may have a record, and cannot be asked. */
  unreachable: boolean;
}

/** True when everything the node's key depends on is known. */
export function inputsKnown(node: GraphNode, known: ReadonlyMap<string, Known>): boolean {
  return Object.values(node.inputs).every((input) => input.from !== "node" || known.has(input.node));
}

/** Key and record of a node whose inputs are known. Throws what the step type's `resolve` throws. */
export async function evaluate(
  node: GraphNode,
  known: ReadonlyMap<string, Known>,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const definition = await define(node, known, options);
  const key = keyOf(definition.preimage);
  const found = node.kind === "artifact" ? await lookUp(key, options.store.records) : { record: undefined };
  return { ...definition, key, unreachable: false, ...found };
}

/** What a node is made from. Throws what the step type's `resolve` throws. */
export async function define(
  node: GraphNode,
  known: ReadonlyMap<string, Known>,
  options: EvaluateOptions,
): Promise<Pick<Evaluation, "preimage" | "resolved" | "refs">> {
  const { type, plugin } = await stepTypeOf(node, options.types);
  const refs = await resolveRefs(node, options);
  const resolved = (await type.resolve?.(planValues(node, known, refs), contextOf(node, options))) ?? {};
  const tools = await toolVersions(type, options.store.facts);
  const salt = options.salt ?? "";
  const preimage = preimageOf({ node, type, plugin, known, refs, resolved, tools, salt });
  return { preimage, resolved, refs };
}

/** The inputs that are known: literals, artifacts, refs. A resource's values are known only while it is held. */
export function planValues(
  node: GraphNode,
  known: ReadonlyMap<string, Known>,
  refs: ReadonlyMap<InputBinding, Artifact>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, binding] of Object.entries(node.inputs)) {
    const value = knownValue(binding, known, refs);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

export function contextOf(node: GraphNode, options: EvaluateOptions) {
  return planContext({
    folder: node.folder,
    facts: options.store.facts,
    now: options.now,
    refresh: options.refresh ?? false,
    ...(options.readImageHead ? { readImageHead: options.readImageHead } : {}),
    ...(options.maxAgeMs === undefined ? {} : { maxAgeMs: options.maxAgeMs }),
    ...(options.pins ? { pins: options.pins } : {}),
  });
}

/** What the names in a node's inputs stand for now. */
export async function resolveRefs(
  node: GraphNode,
  { store, pins }: Pick<EvaluateOptions, "store" | "pins">,
): Promise<Map<InputBinding, Artifact>> {
  const refs = new Map<InputBinding, Artifact>();
  for (const binding of Object.values(node.inputs)) {
    if (binding.from !== "ref") continue;
    const ask = () => store.resolveRef(binding.ref, binding);
    refs.set(binding, await (pins ? pins.ref(binding, ask) : ask()));
  }
  return refs;
}

export async function stepTypeOf(
  node: GraphNode,
  types: StepTypes,
): Promise<{ type: StepType; plugin: LoadedPlugin }> {
  const found = await types.get(node.uses);
  if (!found) throw new Error(`bug: ${node.uses} was known when the graph was compiled`);
  return found;
}

function knownValue(
  binding: InputBinding,
  known: ReadonlyMap<string, Known>,
  refs: ReadonlyMap<InputBinding, Artifact>,
): unknown {
  if (binding.from === "literal") return binding.value;
  if (binding.from === "ref") return refs.get(binding);
  const source = known.get(binding.node);
  if (source?.kind !== "artifact") return undefined;
  const artifact = source.outputs[binding.output]!;
  return artifact.type === "data" ? valueAt(artifact.value, binding.path) : artifact;
}

/** By the tools that the step type runs; null where one is not installed. */
export async function toolVersions(type: StepType, facts: EngineStore["facts"]) {
  const versions: Record<string, string | null> = {};
  for (const [tool, versionArguments] of Object.entries(type.tools ?? {}))
    versions[tool] = (await toolVersion(tool, versionArguments, facts)) ?? null;
  return versions;
}
