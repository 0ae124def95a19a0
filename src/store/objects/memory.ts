/** Objects in memory, for tests. */
import { objectMissing } from "./errors.ts";
import { checkKey, type ObjectStore } from "./object-store.ts";

export interface MemoryObjects extends ObjectStore {
  /** What is kept, as it is: change a value to damage an object. */
  readonly content: Map<string, Buffer>;
}

export function memoryObjects(name = "memory:"): MemoryObjects {
  const content = new Map<string, Buffer>();
  const times = new Map<string, number>();
  const infoOf = (key: string, data: Buffer) => ({ key, bytes: data.length, putMs: times.get(key) ?? 0 });
  return {
    name,
    content,
    capabilities: { rangedReads: true, atomicPut: true, tellsTimes: true },
    async get(key, { range, signal } = {}) {
      signal?.throwIfAborted();
      const data = content.get(checkKey(key));
      if (!data) throw objectMissing(name, key);
      return Buffer.from(range ? data.subarray(range.offset, range.offset + range.length) : data);
    },
    async put(key, data, { signal } = {}) {
      signal?.throwIfAborted();
      content.set(checkKey(key), Buffer.from(data));
      times.set(key, Date.now());
    },
    async stat(key) {
      const data = content.get(checkKey(key));
      return data && infoOf(key, data);
    },
    async *list(prefix) {
      for (const [key, data] of content) if (key.startsWith(prefix)) yield infoOf(key, data);
    },
    async remove(key) {
      content.delete(checkKey(key));
    },
    close() {},
  };
}
