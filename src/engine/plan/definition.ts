/**
 * What each node of a graph is made from, whether or not what it reads was ever built: where an artifact's digest is not
 * known without building, the identity of the node that makes it stands for it. Two graphs that define the same have
 * the same identities in any store. Resolves files and names; looks for no record.
 */
import type { Graph } from "../graph/graph.ts";
import { type KeyPreimage, type Known, keyOf } from "../key/preimage.ts";
import type { Diagnostic } from "../template/diagnostic.ts";
import { define, type EvaluateOptions } from "./evaluate.ts";
import { faultAt } from "./fault.ts";
import type { Pins } from "./pins.ts";

export interface Definitions {
  /** Of every node that has no fault. */
  preimages: Map<string, KeyPreimage>;
  /** Files and names that cannot be resolved. */
  diagnostics: Diagnostic[];
}

export interface DefinitionOptions extends EvaluateOptions {
  /** Other pins than `pins`, for some nodes. */
  pinsFor?(node: string): Pins | undefined;
}

export async function definitionsOf(graph: Graph, options: DefinitionOptions): Promise<Definitions> {
  const preimages = new Map<string, KeyPreimage>();
  const diagnostics: Diagnostic[] = [];
  const known = new Map<string, Known>();
  for (const node of graph.nodes) {
    try {
      const pins = options.pinsFor?.(node.id) ?? options.pins;
      const { preimage } = await define(node, known, { ...options, ...(pins ? { pins } : {}) });
      preimages.set(node.id, preimage);
      known.set(
        node.id,
        node.kind === "resource"
          ? { kind: "resource", preimage }
          : { kind: "unbuilt", identity: keyOf(preimage) },
      );
    } catch (error) {
      diagnostics.push(faultAt(node, error));
      known.set(node.id, { kind: "unbuilt", identity: `fault of ${node.id}` });
    }
  }
  return { preimages, diagnostics };
}
