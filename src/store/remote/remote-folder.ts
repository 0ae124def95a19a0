/** Where a store remembers things of a remote: a folder of its own for each, since another one has other packs. */
import { hash } from "node:crypto";
import { join } from "node:path";
import type { RemoteOptions } from "../objects/open.ts";

export function remoteFolder(storeFolder: string, { url, endpoint = "" }: RemoteOptions): string {
  return join(storeFolder, "remote", hash("sha256", `${url}\0${endpoint}`).slice(0, 16));
}
