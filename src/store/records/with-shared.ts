/** Records of this machine, and behind them those that others share: what is found there is kept here. */
import type { SharedStore } from "../remote/shared-store.ts";
import { asUnreachable } from "../remote/tiered.ts";
import type { Records } from "./records.ts";

/** Its `get` throws TplError `store-unreachable` where this machine has none and the others cannot be asked. */
export function withShared(
  own: Records["records"],
  shared: () => Promise<SharedStore>,
  { readOnly }: { readOnly: boolean },
): Records["records"] {
  return {
    ...own,
    async get(key) {
      const known = await own.get(key);
      if (known) return known;
      const found = await asUnreachable(async () => (await shared()).records?.get(key));
      if (found && !readOnly) await own.put(found);
      return found;
    },
  };
}
