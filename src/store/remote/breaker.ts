/**
 * Leaves a remote alone for a while after it could not be reached or refused: the first call may wait for its deadline,
 * the next ones hear at once what it met. So a build goes on without a remote that is away, and never stands still.
 */
import { TplError } from "../../engine/errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";

const REST_MS = 30_000;

export interface BreakerOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Default: half a minute. */
  restMs?: number;
  onTrouble?(error: TplError): void;
}

export function withBreaker(objects: ObjectStore, options: BreakerOptions): ObjectStore {
  const { now, restMs = REST_MS, onTrouble = () => undefined } = options;
  let tripped: { error: TplError; untilMs: number } | undefined;
  const check = () => {
    if (tripped && now() < tripped.untilMs) throw tripped.error;
  };
  const watched = (error: unknown): never => {
    if (error instanceof TplError && error.code.startsWith("store-")) {
      tripped = { error, untilMs: now() + restMs };
      onTrouble(error);
    }
    throw error;
  };
  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    check();
    return await call().catch(watched);
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
      try {
        yield* objects.list(prefix);
      } catch (error) {
        watched(error);
      }
    },
    close: () => objects.close(),
  };
}
