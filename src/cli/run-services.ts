/** The services of a run on this store: the disk host, loaded when the first step really runs. */
import { extname } from "node:path";
import type { StartServices } from "../engine/run/services.ts";
import type { Store } from "../store/store.ts";

export function runServices(store: Store, log: (line: string) => void): StartServices {
  return async (run) => {
    const { diskHostServices } = await import("../image/host/client.ts");
    const module = new URL(`../store/blobs/folder${extname(import.meta.url)}`, import.meta.url).href;
    const blobs = { module, open: "folderBlobs", arguments: [store.path] };
    return diskHostServices({ store: store.path, blobs, log })(run);
  };
}
