/**
 * Leaves a remote alone for a while after it could not be reached or refused: the first call may wait for its deadline,
 * the next ones hear at once what it met. So a build goes on without a remote that is away, and never stands still. How
 * long is told by what the failure cost: a server that answers 503 at once is asked again soon, since a mounted image
 * has nobody else to read from; one that lets every request wait for its deadline is not.
 */
import { TplError } from "../../engine/errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";

/** So that no more than a quarter of anybody's time goes to a remote that is away. */
const REST_PER_FAILURE = 3;
const LEAST_REST_MS = 1000;
const MOST_REST_MS = 30_000;

export interface BreakerOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  onTrouble?(error: TplError): void;
}

export function withBreaker(objects: ObjectStore, options: BreakerOptions): ObjectStore {
  const { now, onTrouble = () => undefined } = options;
  let tripped: { error: TplError; untilMs: number } | undefined;
  const check = () => {
    if (tripped && now() < tripped.untilMs) throw tripped.error;
  };
  const watched = (error: unknown, begunMs: number): never => {
    if (error instanceof TplError && error.code.startsWith("store-")) {
      const restMs = (now() - begunMs) * REST_PER_FAILURE;
      tripped = { error, untilMs: now() + Math.min(Math.max(restMs, LEAST_REST_MS), MOST_REST_MS) };
      onTrouble(error);
    }
    throw error;
  };
  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    check();
    const begunMs = now();
    return await call().catch((error) => watched(error, begunMs));
  };
  return {
    name: objects.name,
    capabilities: objects.capabilities,
    get: (...call) => guarded(() => objects.get(...call)),
    put: (...call) => guarded(() => objects.put(...call)),
    stat: (...call) => guarded(() => objects.stat(...call)),
    remove: (...call) => guarded(() => objects.remove(...call)),
    async *list(prefix) {
      check();
      const begunMs = now();
      try {
        yield* objects.list(prefix);
      } catch (error) {
        watched(error, begunMs);
      }
    },
    close: () => objects.close(),
  };
}
