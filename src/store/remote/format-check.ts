/**
 * Nothing of a remote is read or written before its format is known: what a later version keeps under the same keys may
 * mean something else. It is asked for once, by the first call.
 */
import { objectMissing } from "../objects/errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { checkFormat, FORMAT_KEY, formatObject } from "./layout.ts";

/** Every call may throw TplError `store-newer` or `store-damaged`. */
export function withFormatCheck(objects: ObjectStore): ObjectStore {
  let format: Promise<"present" | "absent"> | undefined;
  const ready = async () => {
    format ??= checkFormat(objects);
    try {
      return await format;
    } catch (error) {
      format = undefined;
      throw error;
    }
  };
  const after = async <T>(call: () => Promise<T>): Promise<T> => {
    await ready();
    return await call();
  };
  return {
    name: objects.name,
    capabilities: objects.capabilities,
    async get(key, options) {
      const state = await ready();
      if (key !== FORMAT_KEY) return await objects.get(key, options);
      if (state === "present") return formatObject();
      throw objectMissing(objects.name, key);
    },
    put: (key, ...rest) =>
      after(async () => {
        await objects.put(key, ...rest);
        if (key === FORMAT_KEY) format = undefined;
      }),
    stat: (...call) => after(() => objects.stat(...call)),
    remove: (...call) => after(() => objects.remove(...call)),
    async *list(prefix) {
      await ready();
      yield* objects.list(prefix);
    },
    close: () => objects.close(),
  };
}
