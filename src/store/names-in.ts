/** What lies in a folder of the store. */
import { readdirSync } from "node:fs";
import { storeFault, systemCode } from "./fault.ts";

/** In no order; none where there is no such folder. Throws TplError `store-…`. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw storeFault(error, `list ${folder}`);
  }
}
