/** The services of a run on a store: the disk host, which opens the store's blobs in a process of its own. */
import { extname } from "node:path";
import type { StartServices } from "./engine/run/services.ts";
import { diskHostServices } from "./image/host/client.ts";
import type { Store } from "./store/store.ts";

export function runServices(
  store: Pick<Store, "path" | "sharing">,
  log?: (line: string) => void,
): StartServices {
  const module = new URL(`./store/blobs/host-blobs${extname(import.meta.url)}`, import.meta.url).href;
  const shared = store.sharing?.options;
  // Records are not its to read, and their URL may have a password.
  const blobs = {
    module,
    open: "hostBlobs",
    arguments: [store.path, shared ? { ...shared, records: "sqlite" } : null],
  };
  return diskHostServices({ store: store.path, blobs, ...(log ? { log } : {}) });
}
