/**
 * What a run does about stored artifacts that turn out damaged when a step reads them: the step that made one makes it
 * again, what was made from the old one and is still held is held no more, and the reader is tried once more. Each
 * damage is mended once, however many readers meet it.
 */
import type { Artifact } from "../artifact.ts";
import { ArtifactDamaged } from "../errors.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { Known } from "../key/preimage.ts";
import type { Evaluation } from "../plan/evaluate.ts";
import type { EngineStore } from "../store.ts";
import type { Built } from "./build-node.ts";
import type { RunEvent, Unstamped } from "./event.ts";
import type { Leases } from "./leases.ts";
import type { NodeState, NodeStates } from "./node-state.ts";

/** The run as far as mending it needs it. */
export interface MendedRun {
  graph: Graph;
  states: NodeStates;
  /** What nodes have made; what is made again takes the old one's place. */
  known: Map<string, Known>;
  leases: Leases;
  store: EngineStore;
  now(): number;
  emit(event: Unstamped<RunEvent>): void;
  isCancelled(): boolean;
  /** Of a node whose resources may never have been wanted before, or are made from something new now. */
  evaluateAnew(node: GraphNode): Promise<Evaluation>;
  /** Runs a node and publishes what it makes. */
  buildOnce(node: GraphNode, evaluation: Evaluation): Promise<Built>;
}

export class Damage {
  readonly #run: MendedRun;
  /** Reader and producer for whom it was tried already. */
  readonly #retried = new Set<string>();
  /** Rebuilds of damaged outputs going on, by node: whoever finds the same damage waits for the same one. */
  readonly #healing = new Map<string, Promise<void>>();
  /** Which node made an output that a rebuild has replaced by another one. */
  readonly #replaced = new Map<string, NodeState>();

  constructor(run: MendedRun) {
    this.#run = run;
  }

  /** Runs and publishes; a damaged input is built again first, once. */
  async build(state: NodeState, evaluation: Evaluation): Promise<Built> {
    const { leases, emit, isCancelled, buildOnce, evaluateAnew } = this.#run;
    try {
      return await buildOnce(state.node, evaluation);
    } catch (error) {
      if (!(error instanceof ArtifactDamaged) || isCancelled()) throw error;
      const producer = this.#producerOf(error.digest);
      const attempt = `${state.node.id} ${producer?.node.id}`;
      if (!producer || this.#retried.has(attempt)) throw error;
      this.#retried.add(attempt);
      const line = `${error.message}: building ${producer.node.id} again`;
      emit({ type: "node-log", node: state.node.id, stream: "step", line });
      await leases.done(state.node);
      await this.#heal(producer);
      leases.renew(state.node);
      return this.build(state, await evaluateAnew(state.node));
    }
  }

  #producerOf(digest: string): NodeState | undefined {
    for (const [id, known] of this.#run.known)
      if (
        known.kind === "artifact" &&
        Object.values(known.outputs).some((output) => output.digest === digest)
      )
        return this.#run.states.get(id);
    return this.#replaced.get(digest);
  }

  /** Makes a node's outputs whole again. */
  #heal(producer: NodeState): Promise<void> {
    const { id } = producer.node;
    const healing = this.#healing.get(id) ?? this.#rebuild(producer).finally(() => this.#healing.delete(id));
    this.#healing.set(id, healing);
    return healing;
  }

  /**
   * What is damaged in an output may have come unchanged from an input, which making it again would not notice:
   * damaged inputs are made whole first.
   */
  async #rebuild(producer: NodeState): Promise<void> {
    const { store, leases, now, emit, evaluateAnew } = this.#run;
    const { node } = producer;
    // All that is corrupt is put aside by this, so that it is stored anew. A second consumer may have come late.
    if ((await this.#isWhole(producer)) && producer.result?.status === "built") return;
    await store.records.remove((await evaluateAnew(node)).key);
    for (const source of this.#sourcesOf(node)) if (!(await this.#isWhole(source))) await this.#heal(source);
    const begun = now();
    leases.renew(node);
    try {
      const evaluation = await evaluateAnew(node);
      const built = await this.build(producer, evaluation);
      await this.#replace(producer, built.outputs);
      const seconds = (now() - begun) / 1000;
      producer.result = { status: "built", key: evaluation.key, seconds, ...built };
      emit({ type: "node-finished", node: node.id, status: "built", seconds, ...built });
    } finally {
      await leases.done(node);
    }
  }

  async #isWhole({ node }: NodeState): Promise<boolean> {
    const known = this.#run.known.get(node.id);
    if (known?.kind !== "artifact") throw new Error(`bug: ${node.id} is to be whole before it was there`);
    for (const output of Object.values(known.outputs))
      if ((await this.#run.store.has(output, { depth: "content" })) !== "present") return false;
    return true;
  }

  /** The nodes whose artifacts `node` reads, also through resources. */
  #sourcesOf(node: GraphNode): NodeState[] {
    const direct = Object.values(node.inputs).flatMap((input) =>
      input.from === "node" ? (this.#run.states.get(input.node) ?? []) : [],
    );
    return [...new Set(direct)].flatMap((state) =>
      state.node.kind === "resource" ? this.#sourcesOf(state.node) : state,
    );
  }

  /** Resources that were made from the old outputs are not handed out any more. */
  async #replace(producer: NodeState, outputs: Record<string, Artifact>): Promise<void> {
    const { known, graph, leases } = this.#run;
    const { id } = producer.node;
    const before = known.get(id);
    if (before?.kind === "artifact")
      for (const { digest } of Object.values(before.outputs)) this.#replaced.set(digest, producer);
    known.set(id, { kind: "artifact", outputs });
    const made = new Set([id]);
    for (const node of graph.nodes)
      if (node.kind === "resource" && node.needs.some((need) => made.has(need))) {
        made.add(node.id);
        await leases.retire(node);
      }
  }
}
