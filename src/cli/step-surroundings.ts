/** What a step is given, for commands that do a step's work outside of a run: the same tools, disks and cleanup. */
import type { StepContext } from "../engine/plugin/context.ts";
import { errorData } from "../engine/run/error-data.ts";
import { newRunId } from "../engine/run/run-id.ts";
import { Scope } from "../engine/run/scope.ts";
import { openStepContext } from "../engine/run/step-context.ts";
import { holdArtifacts, type InUse } from "../image/holders.ts";
import type { Store } from "../store/store.ts";
import { cleanupFailures } from "../views/error.ts";

export interface Surroundings {
  store: Store;
  /** Names the work in messages and in the journal. */
  name: string;
  signal: AbortSignal;
  /** What it uses of the store, so that garbage collection may take the rest. Absent: it may use anything. */
  uses?: InUse;
  log(line: string): void;
  /** What could not be released, for the user. */
  tell(text: string): void;
}

/** Everything that `work` took is released when this settles; what could not be is told. */
export async function withStepContext<T>(
  { store, name, signal, uses, log, tell }: Surroundings,
  work: (step: StepContext) => Promise<T>,
): Promise<T> {
  const run = newRunId(Date.now());
  using _hold = uses && !store.readOnly ? holdArtifacts(store.path, run, uses) : undefined;
  const { runServices } = await import("../run-services.ts");
  const services = await runServices(store, log)(run);
  const scope = new Scope(name);
  const nothing = () => undefined;
  const { step } = openStepContext({
    ...{ run, node: name, signal, scope, store, services },
    ...{ inputs: {}, resolved: {}, folder: process.cwd() },
    ...{ onLog: log, onTool: () => nothing, onProgress: nothing, onAcquired: nothing, onReleased: nothing },
  });
  try {
    return await work(step);
  } finally {
    const failures = [...(await scope.close()), ...(await services.close())];
    const told = failures.map(({ hook, error }) => ({ node: name, hook, error: errorData(error) }));
    if (told.length > 0) tell(cleanupFailures(told));
  }
}
