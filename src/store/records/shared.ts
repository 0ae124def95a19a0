/**
 * Records that several machines share, in a bucket or in redis. A machine reads them when it has none of its own, and
 * writes them once what they name is uploaded.
 */
import type { CacheRecord } from "../../engine/run/record.ts";
import type { ObjectStore } from "../objects/object-store.ts";

export interface SharedRecords {
  /** Undefined: there is none, or none that makes sense. */
  get(key: string): Promise<CacheRecord | undefined>;
  put(record: CacheRecord): Promise<void>;
  close(): void;
}

/** `place`: the remote, or redis's URL. */
export async function sharedRecords(
  place: { objects: ObjectStore } | { redis: string },
): Promise<SharedRecords> {
  const { Keyv } = await import("keyv");
  const adapter = "redis" in place ? await redisAdapter(place.redis) : await objectsAdapter(place.objects);
  // Nobody listens to this keyv's `error` event: that makes a failed call reject instead of answering "not there".
  const records = new Keyv<CacheRecord>({ store: adapter, checkExpired: false });
  return {
    async get(key) {
      try {
        const record = await records.get(key);
        return record?.key === key && record.schema === "tplgraph.record/1" ? record : undefined;
      } catch (error) {
        if (error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
    put: async (record) => void (await records.set(record.key, record)),
    close: () => ("close" in adapter ? adapter.close() : undefined),
  };
}

async function redisAdapter(url: string) {
  const { RedisAdapter } = await import("./redis.ts");
  return new RedisAdapter(url);
}

async function objectsAdapter(objects: ObjectStore) {
  const { ObjectsAdapter } = await import("./objects.ts");
  return new ObjectsAdapter(objects);
}
