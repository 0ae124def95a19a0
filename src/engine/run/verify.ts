/**
 * Builds steps again that the store has, beside the cache: each from the stored outputs of the steps above it, so that
 * a difference is that step's own. No record is read for it, written or removed; what is made anew and differs stays in
 * the store as blobs that nothing names.
 */
import type { Artifact } from "../artifact.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { Known } from "../key/preimage.ts";
import { type EvaluateOptions, type Evaluation, evaluate, stepTypeOf } from "../plan/evaluate.ts";
import type { Plan } from "../plan/plan.ts";
import { NodeBuilder } from "./build-node.ts";
import { type ErrorData, errorData } from "./error-data.ts";
import { LazyServices } from "./lazy-services.ts";
import { Leases } from "./leases.ts";
import { newRunId } from "./run-id.ts";
import type { CleanupFailure } from "./scope.ts";
import type { StartServices } from "./services.ts";

/** What came of a step that was built again. */
export type Verdict = { node: string; uses: string; seconds: number } & (
  | { status: "same" }
  | { status: "differs"; outputs: DifferingOutput[] }
  /** Its step type says so: it was not built. */
  | { status: "not-reproducible" }
  | { status: "failed"; error: ErrorData }
);

export interface DifferingOutput {
  name: string;
  stored: Artifact;
  rebuilt: Artifact;
}

export interface VerifyOptions extends EvaluateOptions {
  startServices: StartServices;
  /** Aborting it ends the step that runs; what was found until then is returned. */
  signal: AbortSignal;
  /** Ids of artifact nodes; default: all that the plan has. */
  nodes?: ReadonlySet<string>;
  onVerdict?(verdict: Verdict): void;
}

export interface Verification {
  verdicts: Verdict[];
  /** What could not be released. */
  cleanup: CleanupFailure[];
}

/** `plan` is of a graph that was built: what is to be verified, and what that reads, are hits. */
export async function verifyPlan(plan: Plan, options: VerifyOptions): Promise<Verification> {
  const chosen = plan.nodes.filter(
    ({ id, kind, fate }) => kind === "artifact" && fate !== "unneeded" && (options.nodes?.has(id) ?? true),
  );
  await using rebuilding = new Rebuilding(plan, new Set(chosen.map(({ id }) => id)), options);
  const verdicts: Verdict[] = [];
  for (const { id } of chosen) {
    if (options.signal.aborted) break;
    const verdict = await rebuilding.verify(id);
    if (options.signal.aborted) break; // what a step that was ended says is no verdict
    verdicts.push(verdict);
    options.onVerdict?.(verdict);
  }
  return { verdicts, cleanup: await rebuilding.close() };
}

class Rebuilding implements AsyncDisposable {
  readonly #graph: Graph;
  readonly #options: VerifyOptions;
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #known = new Map<string, Known>();
  readonly #evaluations = new Map<string, Evaluation>();
  readonly #leases: Leases;
  readonly #builder: NodeBuilder;
  readonly #failures: CleanupFailure[] = [];
  readonly #services: LazyServices;

  constructor(plan: Plan, chosen: ReadonlySet<string>, options: VerifyOptions) {
    this.#graph = plan.graph;
    this.#options = options;
    this.#nodes = new Map(plan.graph.nodes.map((node) => [node.id, node]));
    for (const { id, outputs } of plan.nodes) if (outputs) this.#known.set(id, { kind: "artifact", outputs });
    const run = newRunId(options.now());
    this.#services = new LazyServices(() => options.startServices(run));
    this.#builder = new NodeBuilder({
      run,
      store: options.store,
      types: options.types,
      services: () => this.#services.get(),
      signal: options.signal,
      emit: () => {},
      onScopeClosed: (_, failures) => this.#failures.push(...failures),
    });
    const running = this.#graph.nodes.filter(({ id }) => chosen.has(id));
    this.#leases = new Leases(this.#graph.nodes, running, {
      acquire: (resource) => this.#acquire(resource),
      release: (resource, values) => this.#builder.release(resource, values),
    });
    for (const node of running) this.#leases.renew(node);
  }

  async verify(id: string): Promise<Verdict> {
    const node = this.#nodes.get(id)!;
    const { now } = this.#options;
    const begun = now();
    const about = () => ({ node: id, uses: node.uses, seconds: (now() - begun) / 1000 });
    try {
      const stored = this.#known.get(id);
      if (stored?.kind !== "artifact") throw new Error(`bug: ${id} is to be verified and was never built`);
      const { resolved, refs } = await this.#evaluate(node);
      const { type } = await stepTypeOf(node, this.#options.types);
      if (type.reproducible === false) return { ...about(), status: "not-reproducible" };
      const resources = await this.#leases.hold(node);
      const rebuilt = await this.#builder.run(node, { known: this.#known, resources, resolved, refs });
      const outputs = differing(stored.outputs, rebuilt.outputs);
      return outputs.length === 0
        ? { ...about(), status: "same" }
        : { ...about(), status: "differs", outputs };
    } catch (error) {
      return { ...about(), status: "failed", error: errorData(error) };
    } finally {
      await this.#leases.done(node);
    }
  }

  /** Idempotent. */
  async close(): Promise<CleanupFailure[]> {
    this.#failures.push(...(await this.#services.close()));
    return this.#failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #acquire(resource: GraphNode) {
    const { resolved, refs } = await this.#evaluate(resource);
    const resources = await this.#leases.hold(resource);
    return this.#builder.acquire(resource, { known: this.#known, resources, resolved, refs });
  }

  async #evaluate(node: GraphNode): Promise<Evaluation> {
    const found = this.#evaluations.get(node.id);
    if (found) return found;
    for (const resource of this.#leases.resourcesOf(node)) await this.#evaluate(resource);
    const evaluation = await evaluate(node, this.#known, this.#options);
    this.#evaluations.set(node.id, evaluation);
    if (node.kind === "resource")
      this.#known.set(node.id, { kind: "resource", preimage: evaluation.preimage });
    return evaluation;
  }
}

function differing(stored: Record<string, Artifact>, rebuilt: Record<string, Artifact>): DifferingOutput[] {
  return Object.entries(stored).flatMap(([name, artifact]) => {
    const again = rebuilt[name];
    return again && again.digest !== artifact.digest ? [{ name, stored: artifact, rebuilt: again }] : [];
  });
}
