/**
 * The key's preimage: the definition of what determines a node's output. It is hashed to make the key, stored
 * with the record, and compared with another one to explain a miss, so nothing can be in one and not the other.
 */
import { arch, release } from "node:os";
import type { Artifact, Json } from "../artifact.ts";
import type { GraphNode, InputBinding } from "../graph/graph.ts";
import type { LoadedPlugin } from "../plugin/plugin.ts";
import { portInfo } from "../plugin/port.ts";
import type { StepType } from "../plugin/step.ts";
import { canonicalJson, sha256 } from "./canonical.ts";

export interface KeyPreimage {
  schema: "tplgraph.key/1";
  /** `plugin/step`. */
  uses: string;
  /** The code that runs: see `LoadedPlugin.implementation`. */
  implementation: string;
  /** Every plain-data input in force, defaults included, except the ports declared `unkeyed`. */
  with: { [input: string]: Json };
  /**
   * What came from elsewhere: an artifact's digest (not the key that made it: early cutoff), a plain value,
   * or for a resource, which has no digest, the preimage of what it would be made from.
   */
  inputs: { [input: string]: Json };
  /** What `resolve` made of mutable inputs: file digests, archive dates. */
  resolved: { [name: string]: Json };
  /** Version line of every tool the step declares; null where it is not installed. */
  tools: { [tool: string]: string | null };
  /** Of the machine, what the step type declares to depend on. */
  platform: { [aspect: string]: string };
  /** From the configuration: disowns everything built under another one. */
  salt: string;
}

/** What is known of a node that others read: its artifacts, or the preimage of its resource. */
export type Known =
  | { kind: "artifact"; outputs: Record<string, Artifact> }
  | { kind: "resource"; preimage: KeyPreimage }
  /** Nothing but what it would be made from: for comparing definitions, never in a key. See `plan/definition.ts`. */
  | { kind: "unbuilt"; identity: string };

export interface PreimageParts {
  node: GraphNode;
  type: StepType;
  plugin: LoadedPlugin;
  known: ReadonlyMap<string, Known>;
  refs: ReadonlyMap<InputBinding, Artifact>;
  resolved: Record<string, Json>;
  tools: Record<string, string | null>;
  salt: string;
}

/** The preimage of a node all of whose inputs are known. */
export function preimageOf(parts: PreimageParts): KeyPreimage {
  const { node, type } = parts;
  const literals: Record<string, Json> = {};
  const inputs: Record<string, Json> = {};
  for (const [name, binding] of Object.entries(node.inputs)) {
    const schema = type.inputs[name];
    if (schema && portInfo(schema).unkeyed) continue;
    if (binding.from === "literal") literals[name] = binding.value;
    else inputs[name] = inputIdentity(binding, parts);
  }
  const platform = Object.fromEntries((type.platform ?? []).map((aspect) => [aspect, PLATFORM[aspect]()]));
  return {
    schema: "tplgraph.key/1",
    uses: node.uses,
    implementation: parts.plugin.implementation,
    with: literals,
    inputs,
    resolved: parts.resolved,
    tools: parts.tools,
    platform,
    salt: parts.salt,
  };
}

/** Hex sha256 of the canonical JSON of the preimage. */
export function keyOf(preimage: KeyPreimage): string {
  return sha256(canonicalJson(preimage as unknown as Json));
}

const PLATFORM = { arch: () => arch(), kernel: () => release() };

function inputIdentity(
  binding: Exclude<InputBinding, { from: "literal" }>,
  { known, refs }: PreimageParts,
): Json {
  if (binding.from === "ref") return artifactIdentity(refs.get(binding)!, []);
  const source = known.get(binding.node);
  if (!source) throw new Error(`bug: the key of a node was asked for before ${binding.node} was known`);
  if (source.kind === "artifact") return artifactIdentity(source.outputs[binding.output]!, binding.path);
  const output = [binding.output, ...binding.path].join(".");
  if (source.kind === "unbuilt") return { unbuilt: source.identity, output };
  return { resource: source.preimage as unknown as Json, output };
}

function artifactIdentity(artifact: Artifact, path: string[]): Json {
  return artifact.type === "data" ? valueAt(artifact.value, path) : artifact.digest;
}

/** A field inside plain data; null where there is none. */
export function valueAt(value: Json, path: readonly string[]): Json {
  return path.reduce<Json>(
    (at, key) => (at !== null && typeof at === "object" ? ((at as Record<string, Json>)[key] ?? null) : null),
    value,
  );
}
