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
  /** `values`: which acquisition, as `acquire` returned it. */
  release(resource: GraphNode, values: Values): Promise<void>;
}

/** One acquisition of a resource, made or to be made. */
interface Lease {
  node: GraphNode;
  /** Consumers that may still want it. */
  wanting: Set<string>;
  /** Those of them that have been given it. */
  holding: Set<string>;
  values: Promise<Values> | undefined;
}

export class Leases {
  /** What consumers are given from now on. */
  readonly #leases = new Map<string, Lease>();
  /** What was retired while consumers held it. */
  readonly #retired = new Set<Lease>();
  /** Releases going on: a resource that nobody wanted for a moment is not taken again before it has been let go. */
  readonly #releasing = new Map<string, Promise<void>>();
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
    for (const resource of this.resourcesOf(consumer))
      values.set(resource.id, await this.#take(resource, consumer));
    return values;
  }

  /** `consumer` will not read its resources (any more): what nobody else wants is released before this resolves. */
  async done(consumer: GraphNode): Promise<void> {
    for (const resource of this.resourcesOf(consumer).reverse()) {
      for (const lease of this.#leasesOf(resource)) {
        lease.holding.delete(consumer.id);
        if (!lease.wanting.delete(consumer.id) || lease.wanting.size > 0) continue;
        await this.#drop(lease);
        if (this.#leasesOf(resource).every(({ wanting }) => wanting.size === 0)) await this.done(resource);
      }
    }
  }

  /** `consumer` was done, and is to run again: its resources are wanted once more, and acquired anew if they were released. */
  renew(consumer: GraphNode): void {
    this.#register(consumer);
    for (const resource of this.resourcesOf(consumer)) this.renew(resource);
  }

  /**
   * What `resource` was made from has changed: whoever holds it keeps it until it is done, and the next one is given
   * a new acquisition.
   */
  async retire(resource: GraphNode): Promise<void> {
    const lease = this.#leases.get(resource.id);
    if (!lease?.values) return;
    const waiting = [...lease.wanting].filter((consumer) => !lease.holding.has(consumer));
    this.#leases.set(resource.id, newLease(resource, waiting));
    lease.wanting = new Set(lease.holding);
    this.#retired.add(lease);
    if (lease.wanting.size === 0) await this.#drop(lease);
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
      const lease = this.#leases.get(resource.id) ?? newLease(resource, []);
      lease.wanting.add(consumer.id);
      this.#leases.set(resource.id, lease);
    }
  }

  async #take(resource: GraphNode, consumer: GraphNode): Promise<Values> {
    await this.#releasing.get(resource.id);
    const lease = this.#leases.get(resource.id)!;
    lease.wanting.add(consumer.id);
    lease.holding.add(consumer.id);
    lease.values ??= this.#keeper.acquire(resource);
    const taking = lease.values;
    try {
      return await taking;
    } catch (error) {
      // Whoever tries again is not to be given this failure once more.
      if (lease.values === taking) lease.values = undefined;
      throw error;
    }
  }

  #leasesOf(resource: GraphNode): Lease[] {
    const current = this.#leases.get(resource.id);
    const retired = [...this.#retired].filter(({ node }) => node.id === resource.id);
    return current ? [current, ...retired] : retired;
  }

  async #drop(lease: Lease): Promise<void> {
    const { node, values } = lease;
    lease.values = undefined; // at once: nobody is to be given what is about to be released
    this.#retired.delete(lease);
    if (!values) return;
    const releasing = values.then(
      (acquired) => this.#keeper.release(node, acquired),
      () => undefined, // the consumers were told; a failed acquisition has released what it took
    );
    this.#releasing.set(node.id, releasing);
    await releasing;
    if (this.#releasing.get(node.id) === releasing) this.#releasing.delete(node.id);
  }
}

function newLease(node: GraphNode, wanting: readonly string[]): Lease {
  return { node, wanting: new Set(wanting), holding: new Set(), values: undefined };
}
