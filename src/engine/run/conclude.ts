/** The end of a run: its outputs get their names, its record is kept, and what was built may be sent elsewhere. */
import type { Artifact } from "../artifact.ts";
import type { Graph } from "../graph/graph.ts";
import type { EngineStore } from "../store.ts";
import { errorData } from "./error-data.ts";
import type { RunEvent, Unstamped } from "./event.ts";
import { nameOutputs } from "./name-outputs.ts";
import type { RunRecord, UploadOutcome } from "./record.ts";
import type { CleanupFailure } from "./scope.ts";

/** What a run came to, when all that it took is released. */
export interface Ended extends Pick<RunRecord, "run" | "startedAt" | "nodes" | "counts"> {
  addedBytes: number;
  graph: Pick<Graph, "template" | "outputs" | "instances">;
  /** An artifact node's; undefined: it was not built, or off the targets' path. */
  outputsOf(node: string): Record<string, Artifact> | undefined;
  cleanup: { released: number; failures: readonly CleanupFailure[] };
  /** Since it began. */
  seconds(): number;
}

export interface ConcludeOptions {
  store: Pick<EngineStore, "readOnly" | "refs" | "runs">;
  /** Names (`NAME:TAG`) that a successful run's outputs are given. */
  tags?: readonly string[];
  /**
   * Called with a successful run's record, which the store has by then: what was built is to be had elsewhere too.
   * Returns what came of it, undefined where there was nothing to do; it does not make the run another one.
   */
  upload?(
    record: RunRecord,
    onProgress: (progress: UploadProgress) => void,
  ): Promise<UploadOutcome | undefined>;
  emit(event: Unstamped<RunEvent>): void;
}

type UploadProgress = Omit<RunEvent & { type: "upload-progress" }, "type" | "at">;

export async function conclude(ended: Ended, options: ConcludeOptions): Promise<RunRecord> {
  const { store, emit } = options;
  const { run, startedAt, nodes, counts, addedBytes, graph, cleanup } = ended;
  const ok = counts.failed + counts.cancelled + counts.skipped === 0;
  const outputs = ok ? outputsOf(ended) : {};
  const tags = ok && Object.keys(outputs).length > 0 && !store.readOnly ? (options.tags ?? []) : [];
  const named = nameOutputs(graph, outputs, tags);
  for (const one of [named, ...Object.values(named.instances ?? {})])
    for (const ref of one.refs) await store.refs.set(ref, { outputs: one.outputs, run });
  const seconds = ended.seconds();
  const { name, file, params } = graph.template;
  const failed = cleanup.failures.map((failure) => ({ ...failure, error: errorData(failure.error) }));
  const record: RunRecord = {
    schema: "tplgraph.result/1",
    run,
    ok,
    template: { name, file, params },
    startedAt,
    seconds,
    addedBytes,
    counts,
    nodes,
    ...named,
    cleanup: { released: cleanup.released, failed },
  };
  if (!store.readOnly) await store.runs.finish(record);
  const upload = ok ? await sent(record, options) : {};
  emit({ type: "run-finished", run, ok, counts, seconds, addedBytes, ...upload });
  return { ...record, ...upload };
}

async function sent(
  record: RunRecord,
  { store, upload: send, emit }: ConcludeOptions,
): Promise<{ upload?: UploadOutcome }> {
  const upload = await send?.(record, (progress) => emit({ type: "upload-progress", ...progress }));
  if (!upload) return {};
  await store.runs.finish({ ...record, upload });
  return { upload };
}

/** The template's; one whose node was off the targets' path is left out. */
function outputsOf({ graph, outputsOf }: Ended): Record<string, Artifact> {
  const outputs: Record<string, Artifact> = {};
  for (const [name, { node, output }] of Object.entries(graph.outputs)) {
    const artifact = outputsOf(node)?.[output];
    if (artifact) outputs[name] = artifact;
  }
  return outputs;
}
