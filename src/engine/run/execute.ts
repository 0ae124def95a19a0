/**
 * Plan → RunRecord: the scheduler. Nodes become ready as what they read is settled; hits settle at once; what has
 * to run runs beside up to `jobs` others, and is published before its consumers see it. The first failure
 * cancels the rest; cleanup is never cancelled. The order of work inside one node is in `build-node.ts`.
 */
import { availableParallelism } from "node:os";
import type { Artifact } from "../artifact.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { Known } from "../key/preimage.ts";
import { type EvaluateOptions, type Evaluation, evaluate } from "../plan/evaluate.ts";
import { rememberBuilt } from "../plan/history.ts";
import type { Plan } from "../plan/plan.ts";
import type { RecordsInUse } from "../store.ts";
import { type Built, NodeBuilder } from "./build-node.ts";
import { type ConcludeOptions, conclude } from "./conclude.ts";
import { Damage } from "./damage.ts";
import { errorData } from "./error-data.ts";
import type { RunEvent, Unstamped } from "./event.ts";
import { JobSlots } from "./job-slots.ts";
import { LazyServices } from "./lazy-services.ts";
import { Leases } from "./leases.ts";
import { mayRun, type NodeState, NodeStates } from "./node-state.ts";
import type { CacheRecord, NodeResult, NodeStatus, Placement, RunRecord } from "./record.ts";
import { newRunId } from "./run-id.ts";
import type { CleanupFailure } from "./scope.ts";
import type { StartServices } from "./services.ts";
import { cancelled, prepareTools } from "./tool.ts";

export interface ExecuteOptions extends EvaluateOptions, Pick<ConcludeOptions, "upload" | "tags"> {
  startServices: StartServices;
  /** Aborting it cancels the build; cleanup still runs to its end. */
  signal: AbortSignal;
  /** How many nodes run at a time. Default: the number of processors. */
  jobs?: number;
  /** Nodes to run again although the store has them. */
  force?: readonly string[];
  onEvent?(event: RunEvent): void;
  /** Called with a failed node while everything it took is still there; cleanup waits for it. */
  onError?(node: string, error: unknown): Promise<void>;
  /** Host name for records. */
  host?: string;
  run?: string;
}

/** Carries out `plan`. A build that fails is a record with `ok: false`; what throws is a bug. */
export async function executePlan(plan: Plan, options: ExecuteOptions): Promise<RunRecord> {
  if (plan.diagnostics.length > 0) throw new Error("bug: a plan with faults was given to be run");
  return new Execution(plan, options).run();
}

/** So that garbage collection can spare these alone. A run that builds nothing ends before that would matter. */
function recordsInUse({ nodes }: Plan): { uses?: RecordsInUse } {
  if (!nodes.some(mayRun)) return {};
  const keys = nodes.map(({ key }) => key).filter((key) => key !== null);
  const types = nodes.filter(({ fate }) => fate === "pending").map(({ uses }) => uses);
  return { uses: { keys, types: [...new Set(types)] } };
}

class Execution {
  readonly #plan: Plan;
  readonly #graph: Graph;
  readonly #options: ExecuteOptions;
  readonly #run: string;
  readonly #abort = new AbortController();
  readonly #states: NodeStates;
  readonly #known = new Map<string, Known>();
  readonly #ready: NodeState[] = [];
  readonly #leases: Leases;
  readonly #builder: NodeBuilder;
  readonly #damage: Damage;
  readonly #cleanup = { released: 0, failures: [] as CleanupFailure[] };
  /** Of resources: what a consumer's key was computed with is what the resource is acquired with. */
  readonly #learned = new Map<string, Evaluation>();
  /** Which resource an error came from: its consumers are skipped, not failed. */
  readonly #acquisitionErrors = new Map<unknown, GraphNode>();
  readonly #services: LazyServices;
  /** Why the services ended before they were told to. */
  #death: Error | undefined;
  readonly #jobs: JobSlots;
  /** Of a run in which everything is cached its record tells all. */
  readonly #keepsEvents: boolean;
  #unsettled = 0;
  #finished = Promise.withResolvers<void>();

  constructor(plan: Plan, options: ExecuteOptions) {
    this.#plan = plan;
    this.#graph = plan.graph;
    this.#options = options;
    this.#run = options.run ?? newRunId(options.now());
    this.#jobs = new JobSlots(options.jobs ?? availableParallelism());
    this.#keepsEvents = !options.store.readOnly && plan.nodes.some(mayRun);
    this.#states = new NodeStates(plan);
    this.#unsettled = this.#states.size;
    for (const state of this.#states.all()) if (state.waiting === 0) this.#becomeReady(state);
    this.#services = new LazyServices(
      () => {
        prepareTools();
        return options.startServices(this.#run);
      },
      (reason) => this.#servicesDied(reason),
    );
    this.#builder = new NodeBuilder({
      run: this.#run,
      store: options.store,
      types: options.types,
      services: () => this.#services.get(),
      signal: this.#abort.signal,
      emit: (event) => this.#emit(event),
      onScopeClosed: (released, failures) => this.#scopeClosed(released, failures),
      ...(options.onError ? { onError: options.onError } : {}),
    });
    const running = this.#states
      .all()
      .filter(({ planned }) => mayRun(planned))
      .map(({ node }) => node);
    this.#leases = new Leases(plan.graph.nodes, running, {
      acquire: (resource) => this.#acquire(resource),
      release: (resource, values) => this.#builder.release(resource, values),
    });
    this.#damage = new Damage({
      graph: plan.graph,
      states: this.#states,
      known: this.#known,
      leases: this.#leases,
      store: options.store,
      now: options.now,
      emit: (event) => this.#emit(event),
      isCancelled: () => this.#abort.signal.aborted,
      evaluateAnew: (node) => this.#evaluateAnew(node),
      buildOnce: (node, evaluation) => this.#buildOnce(node, evaluation),
    });
  }

  async run(): Promise<RunRecord> {
    const { store, signal, now } = this.#options;
    const begun = now();
    const startedAt = new Date(begun).toISOString();
    const onAbort = () => this.#abort.abort(cancelled("the build was interrupted"));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (!store.readOnly)
      await store.runs.start(this.#run, {
        template: this.#graph.template.name,
        at: startedAt,
        ...recordsInUse(this.#plan),
      });
    this.#emit({ type: "run-started", run: this.#run, plan: this.#plan });
    try {
      this.#pump();
      if (this.#unsettled > 0) await this.#finished.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#scopeClosed(0, await this.#services.close());
    }
    return await conclude(
      {
        ...this.#states.results(),
        run: this.#run,
        startedAt,
        graph: this.#graph,
        outputsOf: (node) => this.#outputsOf(node),
        cleanup: this.#cleanup,
        seconds: () => (now() - begun) / 1000,
      },
      { ...this.#options, emit: (event) => this.#emit(event) },
    );
  }

  #becomeReady(state: NodeState): void {
    if (mayRun(state.planned)) state.readyMs = this.#options.now();
    this.#ready.push(state);
  }

  /** Starts what is ready, as far as `jobs` allows. Never recursive: a chain of any length settles in this loop. */
  #pump(): void {
    for (let i = 0; i < this.#ready.length; ) {
      const state = this.#ready[i]!;
      if (this.#settleAtOnce(state)) i++;
      else {
        const job = this.#jobs.take();
        if (job === undefined) {
          this.#ready.splice(0, i);
          return;
        }
        i++;
        void this.#work(state, job);
      }
    }
    this.#ready.length = 0;
  }

  /** Hits and unused resources need no work. */
  #settleAtOnce(state: NodeState): boolean {
    const { planned } = state;
    if (mayRun(planned)) return false;
    if (planned.fate === "hit") {
      this.#known.set(planned.id, { kind: "artifact", outputs: planned.outputs! });
      this.#finish(state, { status: "hit", key: planned.key, seconds: 0, outputs: planned.outputs! });
    } else this.#settle(state);
    return true;
  }

  async #work(state: NodeState, job: number): Promise<void> {
    try {
      state.placement = this.#placement(state, job);
      if (this.#abort.signal.aborted) await this.#skip(state);
      else if (state.node.kind === "resource") await this.#learnResource(state);
      else await this.#runArtifact(state);
    } catch (error) {
      this.#abort.abort(error);
      this.#finished.reject(error); // only bugs come here: a failed step is a result
    } finally {
      this.#jobs.giveBack(job);
      this.#pump();
    }
  }

  #placement({ readyMs }: NodeState, job: number): Placement {
    const nowMs = this.#options.now();
    const iso = (ms: number) => new Date(ms).toISOString();
    return { readyAt: iso(readyMs ?? nowMs), startedAt: iso(nowMs), job };
  }

  async #skip(state: NodeState): Promise<void> {
    await this.#leases.done(state.node);
    const status = this.#options.signal.aborted ? "cancelled" : "skipped";
    this.#finish(state, { status, key: state.planned.key, seconds: 0 });
  }

  /** A resource is settled when its consumers can compute their keys; it is acquired only when one of them runs. */
  async #learnResource(state: NodeState): Promise<void> {
    try {
      await this.#learn(state.node);
      this.#settle(state);
    } catch (error) {
      this.#fail(state, null, 0, error);
    }
  }

  async #learn(resource: GraphNode): Promise<void> {
    const evaluation = await evaluate(resource, this.#known, this.#options);
    this.#learned.set(resource.id, evaluation);
    this.#known.set(resource.id, { kind: "resource", preimage: evaluation.preimage });
  }

  /** Evaluates a node whose resources may never have been wanted before, or are made from something new now. */
  async #evaluateAnew(node: GraphNode): Promise<Evaluation> {
    for (const resource of this.#leases.resourcesOf(node)) {
      await this.#evaluateAnew(resource);
      await this.#learn(resource);
    }
    return evaluate(node, this.#known, this.#options);
  }

  async #runArtifact(state: NodeState): Promise<void> {
    const begun = this.#options.now();
    const seconds = () => (this.#options.now() - begun) / 1000;
    let key: string | null = null;
    try {
      const evaluation = await evaluate(state.node, this.#known, this.#options);
      key = evaluation.key;
      const record = this.#mustRun(state) ? undefined : await this.#present(evaluation.record);
      const result: NodeResult = record
        ? { status: "hit", key, seconds: 0, outputs: record.outputs, producedBy: record.run }
        : { status: "built", key, seconds: 0, ...(await this.#damage.build(state, evaluation)) };
      this.#known.set(state.node.id, { kind: "artifact", outputs: result.outputs! });
      await this.#leases.done(state.node);
      this.#finish(state, { ...result, seconds: seconds(), ...state.placement });
    } catch (error) {
      await this.#leases.done(state.node);
      this.#fail(state, key, seconds(), error);
    }
  }

  #mustRun(state: NodeState): boolean {
    const code = state.planned.reason?.code;
    return (
      code === "forced" ||
      code === "evicted" ||
      code === "corrupt" ||
      (this.#options.force?.includes(state.node.id) ?? false)
    );
  }

  /** The record, if the store still has everything it names. */
  async #present(record: CacheRecord | undefined): Promise<CacheRecord | undefined> {
    if (!record) return undefined;
    for (const artifact of Object.values(record.outputs))
      if ((await this.#options.store.has(artifact)) !== "present") return undefined;
    return record;
  }

  async #buildOnce(node: GraphNode, evaluation: Evaluation): Promise<Built> {
    const { store, now } = this.#options;
    const begun = now();
    const resources = await this.#leases.hold(node);
    const built = await this.#builder.run(node, {
      known: this.#known,
      resources,
      resolved: evaluation.resolved,
      refs: evaluation.refs,
      ...(this.#states.get(node.id)?.placement ?? {}),
    });
    await store.records.put({
      schema: "tplgraph.record/1",
      key: evaluation.key,
      preimage: evaluation.preimage as unknown as CacheRecord["preimage"],
      outputs: built.outputs,
      addedBytes: Math.max(built.addedBytes, evaluation.record?.addedBytes ?? 0),
      seconds: (now() - begun) / 1000,
      run: this.#run,
      node: node.id,
      host: this.#options.host ?? "",
      at: new Date(now()).toISOString(),
    });
    await rememberBuilt(node, evaluation.key, store.records);
    return built;
  }

  async #acquire(resource: GraphNode): Promise<Record<string, unknown>> {
    try {
      const learned = this.#learned.get(resource.id);
      const { resolved, refs } = learned ?? (await evaluate(resource, this.#known, this.#options));
      const resources = await this.#leases.hold(resource);
      return await this.#builder.acquire(resource, { known: this.#known, resources, resolved, refs });
    } catch (error) {
      if (!this.#acquisitionErrors.has(error)) this.#acquisitionErrors.set(error, resource);
      throw error;
    }
  }

  #fail(state: NodeState, key: string | null, seconds: number, error: unknown): void {
    const resource = this.#acquisitionErrors.get(error);
    const { aborted, reason } = this.#abort.signal;
    const late = aborted && (error === reason || this.#builder.isAftermath(error));
    const cause = late && this.#death ? this.#death : error;
    const status: NodeStatus = late && !this.#death ? "cancelled" : resource ? "skipped" : "failed";
    const result: NodeResult = { status, key, seconds, ...state.placement };
    if (status === "failed" || (late && error !== reason)) result.error = errorData(cause);
    if (resource && status === "skipped")
      this.#states.get(resource.id)!.result = {
        status: "failed",
        key: null,
        seconds: 0,
        error: errorData(cause),
      };
    if (!this.#abort.signal.aborted)
      this.#abort.abort(cancelled(`step "${(resource ?? state.node).id}" failed`));
    this.#finish(state, result);
  }

  #finish(state: NodeState, result: NodeResult): void {
    state.result = result;
    const { status, seconds, addedBytes, outputs, error } = result;
    this.#emit({
      type: "node-finished",
      node: state.node.id,
      status,
      seconds,
      ...(addedBytes === undefined ? {} : { addedBytes }),
      ...(outputs ? { outputs } : {}),
      ...(error ? { error } : {}),
    });
    this.#settle(state);
  }

  #settle(state: NodeState): void {
    this.#states.settled(state, (dependent) => this.#becomeReady(dependent));
    if (--this.#unsettled === 0) this.#finished.resolve();
  }

  #scopeClosed(released: number, failures: CleanupFailure[]): void {
    this.#cleanup.released += released;
    this.#cleanup.failures.push(...failures);
    for (const { node, hook, error } of failures)
      this.#emit({ type: "cleanup-failed", node, hook, error: errorData(error) });
  }

  #servicesDied(reason: Error): void {
    if (this.#abort.signal.aborted) return;
    this.#death = reason;
    this.#abort.abort(reason);
  }

  #outputsOf(node: string): Record<string, Artifact> | undefined {
    const known = this.#known.get(node);
    return known?.kind === "artifact" ? known.outputs : undefined;
  }

  #emit(event: Unstamped<RunEvent>): void {
    const { store, onEvent, now } = this.#options;
    if (event.type === "node-log" && !store.readOnly) store.runs.log(this.#run, event.node, event.line);
    if (!onEvent && !this.#keepsEvents) return;
    const stamped = { at: new Date(now()).toISOString(), ...event } as RunEvent;
    if (this.#keepsEvents) store.runs.event(this.#run, stamped);
    onEvent?.(stamped);
  }
}
