/**
 * What turns out to be damaged is no hit any more. Planning looks at manifests alone, which keeps a cached run cheap;
 * so whoever meets a damaged artifact later removes the records that name it, and the next run makes it again.
 */
import type { Artifact } from "../engine/artifact.ts";
import { ArtifactDamaged, type DamageCode } from "../engine/errors.ts";
import { noteLoss } from "../engine/plan/history.ts";
import type { Store } from "../store/store.ts";

/** What `work` returns. Where it throws ArtifactDamaged, that error comes with what the user can do about it. */
export async function disowningDamage<T>(store: Store, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ArtifactDamaged)) throw error;
    const { message, digest } = error;
    const code = error.code as DamageCode;
    // It is there again when the remote is.
    if (code === "store-unreachable") throw error;
    throw new ArtifactDamaged({ code, message, digest, hint: await hintFor(store), cause: error });
  }
}

/**
 * Removes the records of `broken`: all that is not whole, since a damaged part of an image has mostly come from the
 * image before it. Returns the steps that will run again.
 */
export async function disown(
  store: Store,
  broken: readonly { producers: readonly { key: string; node: string }[] }[],
): Promise<string[]> {
  const producers = broken.flatMap((stored) => stored.producers);
  for (const { key } of producers) {
    await noteLoss(key, "corrupt", store.facts);
    await store.records.remove(key);
  }
  return [...new Set(producers.map(({ node }) => node))].sort();
}

async function hintFor(store: Store): Promise<string> {
  if (store.readOnly)
    return "whoever may write to the store can repair it: tplgraph artifacts verify, then run";
  const artifacts = await store.artifacts();
  const whole = await Promise.all(artifacts.map(({ artifact }) => isWhole(store, artifact)));
  const steps = await disown(
    store,
    artifacts.filter((_, i) => !whole[i]),
  );
  return steps.length > 0
    ? `run the template again: it makes ${steps.join(", ")} anew`
    : "no step is known that made it: import it again";
}

async function isWhole(store: Store, artifact: Artifact): Promise<boolean> {
  return ["present", "unreachable"].includes(await store.has(artifact, { depth: "all" }));
}
