/** What a step is given, for commands that do a step's work outside of a run: the same tools, disks and cleanup. */
import { TplError } from "../engine/errors.ts";
import type { StepContext } from "../engine/plugin/context.ts";
import { newRunId } from "../engine/run/run-id.ts";
import { Scope } from "../engine/run/scope.ts";
import { openStepContext } from "../engine/run/step-context.ts";
import type { Store } from "../store/store.ts";
import { runServices } from "./run-services.ts";

export interface Surroundings {
  store: Store;
  /** Names the work in messages and in the journal. */
  name: string;
  signal: AbortSignal;
  log(line: string): void;
}

/** Everything that `work` took is released when this settles; what could not be is thrown. */
export async function withStepContext<T>(
  { store, name, signal, log }: Surroundings,
  work: (step: StepContext) => Promise<T>,
): Promise<T> {
  const run = newRunId(Date.now());
  const services = await runServices(store, log)(run);
  const scope = new Scope(name);
  const nothing = () => undefined;
  const { step } = openStepContext({
    ...{ run, node: name, signal, scope, store, services },
    ...{ inputs: {}, resolved: {}, folder: process.cwd() },
    ...{ onLog: log, onProgress: nothing, onAcquired: nothing, onReleased: nothing },
  });
  const failures: unknown[] = [];
  try {
    return await work(step);
  } finally {
    failures.push(...(await scope.close()).map(({ error }) => error));
    failures.push(...(await services.close()).map(({ error }) => error));
    if (failures.length > 0) log(notReleased(failures).message);
  }
}

function notReleased(failures: readonly unknown[]): TplError {
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  return new TplError({
    code: "not-released",
    message: `not everything could be released: ${messages.join("; ")}`,
    hint: "tplgraph cleanup tries again",
  });
}
