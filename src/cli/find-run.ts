/** A run by its id, as a user writes it. */
import { TplError } from "../engine/errors.ts";
import type { RunSummary } from "../store/runs.ts";
import type { Store } from "../store/store.ts";

/** `id` undefined: the latest. Throws TplError `unknown-run`. */
export async function findRun(store: Store, id: string | undefined): Promise<RunSummary> {
  const run = id === undefined ? (await store.runs.list())[0] : await store.runs.get(id);
  if (run) return run;
  throw new TplError({
    code: "unknown-run",
    message: id === undefined ? "there are no runs yet" : `there is no run "${id}"`,
    hint: "tplgraph runs ls shows the runs there are",
  });
}
