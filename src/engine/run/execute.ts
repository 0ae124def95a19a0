/**
 * Plan → RunRecord: the scheduler. Nodes become ready as what they read is settled; hits settle at once; what has
 * to run runs beside up to `jobs` others, and is published before its consumers see it. The first failure
 * cancels the rest; cleanup is never cancelled. The order of work inside one node is in `build-node.ts`.
 */
import { availableParallelism } from "node:os";
import type { Artifact } from "../artifact.ts";
import { ArtifactDamaged } from "../errors.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { Known } from "../key/preimage.ts";
import { type EvaluateOptions, type Evaluation, evaluate } from "../plan/evaluate.ts";
import { rememberBuilt } from "../plan/history.ts";
import type { Plan, PlanNode } from "../plan/plan.ts";
import type { RecordsInUse } from "../store.ts";
import { NodeBuilder } from "./build-node.ts";
import { errorData } from "./error-data.ts";
import type { RunEvent, Unstamped } from "./event.ts";
import { JobSlots } from "./job-slots.ts";
import { Leases } from "./leases.ts";
import { nameOutputs } from "./name-outputs.ts";
import type { CacheRecord, NodeResult, NodeStatus, Placement, RunRecord } from "./record.ts";
import { newRunId } from "./run-id.ts";
import type { CleanupFailure } from "./scope.ts";
import type { Services, StartServices } from "./services.ts";
import { cancelled } from "./tool.ts";

export interface ExecuteOptions extends EvaluateOptions {
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
  /** Names (`NAME:TAG`) that a successful run's outputs are given. */
  tags?: readonly string[];
  /** Host name for records. */
  host?: string;
  run?: string;
}

/** Carries out `plan`. A build that fails is a record with `ok: false`; what throws is a bug. */
export async function executePlan(plan: Plan, options: ExecuteOptions): Promise<RunRecord> {
  if (plan.diagnostics.length > 0) throw new Error("bug: a plan with faults was given to be run");
  return new Execution(plan, options).run();
}

interface NodeState {
  node: GraphNode;
  planned: PlanNode;
  /** How many of the nodes it needs are not settled yet. */
  waiting: number;
  dependents: NodeState[];
  /** Milliseconds since the epoch. */
  readyMs?: number;
  placement?: Placement;
  result?: NodeResult;
}

/** What is neither there already nor unwanted. */
function mayRun(planned: PlanNode): boolean {
  return planned.fate === "miss" || planned.fate === "pending";
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
  readonly #states = new Map<string, NodeState>();
  readonly #known = new Map<string, Known>();
  readonly #ready: NodeState[] = [];
  readonly #leases: Leases;
  readonly #builder: NodeBuilder;
  readonly #cleanup = { released: 0, failures: [] as CleanupFailure[] };
  readonly #retried = new Set<string>();
  /** Rebuilds of damaged outputs going on, by node: whoever finds the same damage waits for the same one. */
  readonly #healing = new Map<string, Promise<void>>();
  /** Which node made an output that a rebuild has replaced by another one. */
  readonly #replaced = new Map<string, NodeState>();
  /** Of resources: what a consumer's key was computed with is what the resource is acquired with. */
  readonly #learned = new Map<string, Evaluation>();
  /** Which resource an error came from: its consumers are skipped, not failed. */
  readonly #acquisitionErrors = new Map<unknown, GraphNode>();
  #services: Promise<Services> | undefined;
  /** Why the services ended before they were told to. */
  #death: Error | undefined;
  #closing = false;
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
    this.#link();
    this.#builder = new NodeBuilder({
      run: this.#run,
      store: options.store,
      types: options.types,
      services: () => {
        this.#services ??= this.#startServices();
        return this.#services;
      },
      signal: this.#abort.signal,
      emit: (event) => this.#emit(event),
      onScopeClosed: (released, failures) => this.#scopeClosed(released, failures),
      ...(options.onError ? { onError: options.onError } : {}),
    });
    const running = [...this.#states.values()]
      .filter(({ planned }) => mayRun(planned))
      .map(({ node }) => node);
    this.#leases = new Leases(plan.graph.nodes, running, {
      acquire: (resource) => this.#acquire(resource),
      release: (resource, values) => this.#builder.release(resource, values),
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
      await this.#closeServices();
    }
    return this.#conclude(begun, startedAt);
  }

  /** Builds the states of the wanted nodes and the edges between them. */
  #link(): void {
    for (const planned of this.#plan.nodes) {
      const offPath = planned.fate === "unneeded" && planned.kind === "artifact";
      if (!offPath)
        this.#states.set(planned.id, { node: undefined as never, planned, waiting: 0, dependents: [] });
    }
    for (const node of this.#graph.nodes) {
      const state = this.#states.get(node.id);
      if (!state) continue;
      state.node = node;
      for (const need of node.needs) {
        const above = this.#states.get(need);
        if (!above) continue;
        above.dependents.push(state);
        state.waiting++;
      }
    }
    this.#unsettled = this.#states.size;
    for (const state of this.#states.values()) if (state.waiting === 0) this.#becomeReady(state);
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
        : { status: "built", key, seconds: 0, outputs: await this.#build(state, evaluation) };
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

  /** Runs and publishes; a damaged input is built again first, once. */
  async #build(state: NodeState, evaluation: Evaluation): Promise<Record<string, Artifact>> {
    try {
      return await this.#buildOnce(state.node, evaluation);
    } catch (error) {
      if (!(error instanceof ArtifactDamaged) || this.#abort.signal.aborted) throw error;
      const producer = this.#producerOf(error.digest);
      const attempt = `${state.node.id} ${producer?.node.id}`;
      if (!producer || this.#retried.has(attempt)) throw error;
      this.#retried.add(attempt);
      const line = `${error.message}: building ${producer.node.id} again`;
      this.#emit({ type: "node-log", node: state.node.id, stream: "step", line });
      await this.#leases.done(state.node);
      await this.#heal(producer);
      this.#leases.renew(state.node);
      return this.#build(state, await this.#evaluateAnew(state.node));
    }
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
    const { node } = producer;
    // All that is corrupt is put aside by this, so that it is stored anew. A second consumer may have come late.
    if ((await this.#isWhole(producer)) && producer.result?.status === "built") return;
    await this.#options.store.records.remove((await this.#evaluateAnew(node)).key);
    for (const source of this.#sourcesOf(node)) if (!(await this.#isWhole(source))) await this.#heal(source);
    const begun = this.#options.now();
    this.#leases.renew(node);
    try {
      const evaluation = await this.#evaluateAnew(node);
      const outputs = await this.#build(producer, evaluation);
      await this.#replace(producer, outputs);
      const seconds = (this.#options.now() - begun) / 1000;
      producer.result = { status: "built", key: evaluation.key, seconds, outputs };
      this.#emit({ type: "node-finished", node: node.id, status: "built", seconds, outputs });
    } finally {
      await this.#leases.done(node);
    }
  }

  /** Resources that were made from the old outputs are not handed out any more. */
  async #replace(producer: NodeState, outputs: Record<string, Artifact>): Promise<void> {
    const { id } = producer.node;
    const before = this.#known.get(id);
    if (before?.kind === "artifact")
      for (const { digest } of Object.values(before.outputs)) this.#replaced.set(digest, producer);
    this.#known.set(id, { kind: "artifact", outputs });
    const made = new Set([id]);
    for (const node of this.#graph.nodes)
      if (node.kind === "resource" && node.needs.some((need) => made.has(need))) {
        made.add(node.id);
        await this.#leases.retire(node);
      }
  }

  async #isWhole({ node }: NodeState): Promise<boolean> {
    const known = this.#known.get(node.id);
    if (known?.kind !== "artifact") throw new Error(`bug: ${node.id} is to be whole before it was there`);
    for (const output of Object.values(known.outputs))
      if ((await this.#options.store.has(output, { depth: "content" })) !== "present") return false;
    return true;
  }

  /** The nodes whose artifacts `node` reads, also through resources. */
  #sourcesOf(node: GraphNode): NodeState[] {
    const direct = Object.values(node.inputs).flatMap((input) =>
      input.from === "node" ? (this.#states.get(input.node) ?? []) : [],
    );
    return [...new Set(direct)].flatMap((state) =>
      state.node.kind === "resource" ? this.#sourcesOf(state.node) : state,
    );
  }

  async #buildOnce(node: GraphNode, evaluation: Evaluation): Promise<Record<string, Artifact>> {
    const { store, now } = this.#options;
    const begun = now();
    const resources = await this.#leases.hold(node);
    const outputs = await this.#builder.run(node, {
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
      outputs,
      seconds: (now() - begun) / 1000,
      run: this.#run,
      node: node.id,
      host: this.#options.host ?? "",
      at: new Date(now()).toISOString(),
    });
    await rememberBuilt(node, evaluation.key, store.records);
    return outputs;
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

  #producerOf(digest: string): NodeState | undefined {
    for (const [id, known] of this.#known)
      if (
        known.kind === "artifact" &&
        Object.values(known.outputs).some((output) => output.digest === digest)
      )
        return this.#states.get(id);
    return this.#replaced.get(digest);
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
    const { status, seconds, outputs, error } = result;
    this.#emit({
      type: "node-finished",
      node: state.node.id,
      status,
      seconds,
      ...(outputs ? { outputs } : {}),
      ...(error ? { error } : {}),
    });
    this.#settle(state);
  }

  #settle(state: NodeState): void {
    for (const dependent of state.dependents) if (--dependent.waiting === 0) this.#becomeReady(dependent);
    if (--this.#unsettled === 0) this.#finished.resolve();
  }

  #scopeClosed(released: number, failures: CleanupFailure[]): void {
    this.#cleanup.released += released;
    this.#cleanup.failures.push(...failures);
    for (const { node, hook, error } of failures)
      this.#emit({ type: "cleanup-failed", node, hook, error: errorData(error) });
  }

  async #startServices(): Promise<Services> {
    const services = await this.#options.startServices(this.#run);
    services.died?.then((reason) => {
      if (this.#closing || this.#abort.signal.aborted) return;
      this.#death = reason;
      this.#abort.abort(reason);
    });
    return services;
  }

  async #closeServices(): Promise<void> {
    this.#closing = true;
    if (!this.#services) return;
    const services = await this.#services.catch(() => undefined); // that they did not start is the failed node's error
    if (!services) return;
    const failures = await services.close();
    this.#scopeClosed(
      0,
      failures.map((failure) => ({ ...failure, node: "" })),
    );
  }

  async #conclude(begun: number, startedAt: string): Promise<RunRecord> {
    const { store, now } = this.#options;
    const nodes: Record<string, NodeResult> = {};
    const counts = { hit: 0, built: 0, failed: 0, cancelled: 0, skipped: 0 };
    for (const [id, { result, node }] of this.#states) {
      if (!result) continue;
      nodes[id] = result;
      if (node.kind === "artifact" || result.status === "failed") counts[result.status]++;
    }
    const ok = counts.failed + counts.cancelled + counts.skipped === 0;
    const outputs = ok ? this.#outputs() : {};
    const tags = ok && Object.keys(outputs).length > 0 && !store.readOnly ? (this.#options.tags ?? []) : [];
    const named = nameOutputs(this.#graph, outputs, tags);
    for (const one of [named, ...Object.values(named.instances ?? {})])
      for (const ref of one.refs) await store.refs.set(ref, { outputs: one.outputs, run: this.#run });
    const seconds = (now() - begun) / 1000;
    const { name, file, params } = this.#graph.template;
    const record: RunRecord = {
      schema: "tplgraph.result/1",
      run: this.#run,
      ok,
      template: { name, file, params },
      startedAt,
      seconds,
      counts,
      nodes,
      ...named,
      cleanup: {
        released: this.#cleanup.released,
        failed: this.#cleanup.failures.map((failure) => ({ ...failure, error: errorData(failure.error) })),
      },
    };
    if (!store.readOnly) await store.runs.finish(record);
    this.#emit({ type: "run-finished", run: this.#run, ok, counts, seconds });
    return record;
  }

  /** The template's outputs; one whose node was off the targets' path is left out. */
  #outputs(): Record<string, Artifact> {
    const outputs: Record<string, Artifact> = {};
    for (const [name, { node, output }] of Object.entries(this.#graph.outputs)) {
      const known = this.#known.get(node);
      if (known?.kind === "artifact" && known.outputs[output]) outputs[name] = known.outputs[output];
    }
    return outputs;
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
