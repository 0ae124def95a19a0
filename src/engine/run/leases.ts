/**
 * Who holds which resource. A resource is acquired when the first consumer really runs, shared by its consumers
 * of this run, and released as soon as no consumer is left that could want it: those that are done, and those
 * that turned out to be hits, no longer can. A resource may itself consume resources.
 */
import type { GraphNode } from "../graph/graph.ts";

export type Values = Record<string, unknown>;

export interface ResourceKeeper {
  /** Acquires; on failure it has released whatever it took. */
  acquire(resource: GraphNode): Promise<Values>;
  release(resource: GraphNode): Promise<void>;
}

interface Lease {
  node: GraphNode;
  /** Consumers that may still want it. */
  wanting: Set<string>;
  values: Promise<Values> | undefined;
}

export class Leases {
  readonly #leases = new Map<string, Lease>();
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #keeper: ResourceKeeper;

  /**
   * `all`: the graph's nodes. `running`: those that may run (artifacts) or be acquired (resources) as planned;
   * one that only runs because a damaged artifact must be made again is announced by `renew`.
   */
  constructor(all: readonly GraphNode[], running: readonly GraphNode[], keeper: ResourceKeeper) {
    this.#nodes = new Map(all.filter((node) => node.kind === "resource").map((node) => [node.id, node]));
    this.#keeper = keeper;
    for (const node of running) this.#register(node);
  }

  /** The values of every resource that `consumer` reads, by the resource's id. Acquires what is not held yet. */
  async hold(consumer: GraphNode): Promise<Map<string, Values>> {
    const values = new Map<string, Values>();
    for (const resource of this.resourcesOf(consumer)) values.set(resource.id, await this.#take(resource));
    return values;
  }

  /** `consumer` will not read its resources (any more): what nobody else wants is released before this resolves. */
  async done(consumer: GraphNode): Promise<void> {
    for (const resource of this.resourcesOf(consumer).reverse()) {
      const lease = this.#leases.get(resource.id);
      if (!lease?.wanting.delete(consumer.id) || lease.wanting.size > 0) continue;
      await this.#drop(lease);
      await this.done(resource);
    }
  }

  /** `consumer` was done, and is to run again: its resources are wanted once more, and acquired anew if they were released. */
  renew(consumer: GraphNode): void {
    this.#register(consumer);
    for (const resource of this.resourcesOf(consumer)) this.renew(resource);
  }

  /** The resource nodes among what `consumer` reads or is ordered after as an input, each once. */
  resourcesOf(consumer: GraphNode): GraphNode[] {
    const ids = Object.values(consumer.inputs).flatMap((input) =>
      input.from === "node" ? [input.node] : [],
    );
    return [...new Set(ids)].flatMap((id) => this.#nodes.get(id) ?? []);
  }

  #register(consumer: GraphNode): void {
    for (const resource of this.resourcesOf(consumer)) {
      const lease = this.#leases.get(resource.id) ?? {
        node: resource,
        wanting: new Set<string>(),
        values: undefined,
      };
      lease.wanting.add(consumer.id);
      this.#leases.set(resource.id, lease);
    }
  }

  #take(resource: GraphNode): Promise<Values> {
    const lease = this.#leases.get(resource.id)!;
    lease.values ??= this.#keeper.acquire(resource);
    return lease.values;
  }

  async #drop(lease: Lease): Promise<void> {
    if (!lease.values) return;
    const acquired = await lease.values.then(
      () => true,
      () => false, // the consumers were told; a failed acquisition has released what it took
    );
    lease.values = undefined;
    if (acquired) await this.#keeper.release(lease.node);
  }
}
