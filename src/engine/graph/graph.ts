/**
 * The compiled graph: plain, serialisable data. Compile makes it (typed, acyclic, every reference resolved to
 * a node), plan and run read it, views draw it.
 */
import type { Artifact, Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { Sharing } from "../plugin/port.ts";

export interface Graph {
  template: {
    /** The template's `name`. */
    name: string;
    /** Path as it was given. */
    file: string;
    /** Every parameter with the value in force; those of a matrix are in `instances`. */
    params: Record<string, Json>;
  };
  /** In topological order, ties in the order of the template. */
  nodes: GraphNode[];
  /** The template's outputs; with a matrix, one of each for the values it depends on: `rootfs[diskMiB=2048]`. */
  outputs: Record<string, GraphOutput>;
  /** Only of a template with a matrix, in its order. */
  instances?: GraphInstance[];
}

/** One combination of the values of a matrix. */
export interface GraphInstance {
  /** `diskMiB=2048,python=3.11`. */
  name: string;
  /** The matrix's parameters. */
  params: Record<string, Json>;
  /** The template's outputs, each with what it is called in the graph's. */
  outputs: Record<string, string>;
}

export interface GraphNode {
  /**
   * The step's name, in a matrix with the values that it depends on: `machine[diskMiB=2048]`; nodes of another
   * template's graph are `TEMPLATE/STEP`; an imported file's is `STEP.INPUT`.
   */
  id: string;
  /** `plugin/step`. */
  uses: string;
  kind: "artifact" | "resource";
  inputs: Record<string, InputBinding>;
  /** Ids of the nodes it reads or is ordered after, without repeats, in the order of the template. */
  needs: string[];
  /** Folder that relative paths in `with` are relative to (absolute). */
  folder: string;
  where: Position;
  /** Excluded from the key. */
  timeoutMs?: number;
}

export type InputBinding =
  /** Written in the template, parameters filled in, validated by the port's schema (defaults applied). */
  | { from: "literal"; value: Json; where: Position; positions?: Record<string, Position> }
  /** Another node's output, or a field inside a plain-data output. */
  | { from: "node"; node: string; output: string; path: string[]; sharing?: Sharing; where: Position }
  /** A mutable name, resolved when planning. `type` is the artifact type wanted. */
  | { from: "ref"; ref: string; output?: string; type: Artifact["type"]; where: Position };

export interface GraphOutput {
  node: string;
  output: string;
  /** Port type: `image`, `snapshot`, `file`, `data`. */
  type: string;
  where: Position;
}
