/** The services of a run on a store: the disk host, which opens the store's blobs in a process of its own. */
import { extname } from "node:path";
import type { StartServices } from "./engine/run/services.ts";
import { diskHostServices } from "./image/host/client.ts";
import type { Store } from "./store/store.ts";

export function runServices(store: Pick<Store, "path">, log?: (line: string) => void): StartServices {
  const module = new URL(`./store/blobs/folder${extname(import.meta.url)}`, import.meta.url).href;
  const blobs = { module, open: "folderBlobs", arguments: [store.path] };
  return diskHostServices({ store: store.path, blobs, ...(log ? { log } : {}) });
}
