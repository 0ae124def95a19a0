/** What lies in a folder of the store. */
import { readdirSync } from "node:fs";
import { storeFault, systemCode } from "./fault.ts";

export interface NamesInOptions {
  /** What a folder that this user may not read comes to: of a cache, that there is none will do. Default: `fault`. */
  unreadable?: "fault" | "none";
}

/** In no order; none where there is no such folder. Throws TplError `store-…`. */
export function namesIn(folder: string, { unreadable = "fault" }: NamesInOptions = {}): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || (code === "EACCES" && unreadable === "none")) return [];
    throw storeFault(error, `list ${folder}`);
  }
}
