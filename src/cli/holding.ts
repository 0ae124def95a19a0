/** Work on artifacts that garbage collection spares meanwhile: reading them to their end, or bringing them here. */
import type { Artifact } from "../engine/artifact.ts";
import { newRunId } from "../engine/run/run-id.ts";
import { holdArtifacts } from "../image/holders.ts";
import type { Store } from "../store/store.ts";

export async function holding<T>(
  store: Store,
  artifacts: readonly Artifact[],
  work: () => Promise<T>,
): Promise<T> {
  if (store.readOnly) return await work();
  using _hold = holdArtifacts(store.path, newRunId(Date.now()), { artifacts });
  return await work();
}
