/** Asks a store for a record. */
import { TplError } from "../errors.ts";
import type { CacheRecord } from "../run/record.ts";
import type { EngineStore } from "../store.ts";

/** A store that cannot be asked is one that has nothing: what can be built is built. */
export async function lookUp(
  key: string,
  records: Pick<EngineStore["records"], "get">,
): Promise<{ record: CacheRecord | undefined; unreachable?: boolean }> {
  try {
    return { record: await records.get(key) };
  } catch (error) {
    if (error instanceof TplError && error.code === "store-unreachable")
      return { record: undefined, unreachable: true };
    throw error;
  }
}
