/** A store in a temporary folder and the real services over it. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newRunId } from "../../../src/engine/run/run-id.ts";
import type { OpenedDisk, Services } from "../../../src/engine/run/services.ts";
import { type DiskHostOptions, diskHostServices } from "../../../src/image/host/client.ts";
import type { BlobsOrigin } from "../../../src/image/host/protocol.ts";

export function temporaryStore(): Promise<string> {
  return mkdtemp(join(tmpdir(), "tplgraph-host-"));
}

export function folderBlobsOf(store: string): BlobsOrigin {
  const module = new URL("../../../src/store/blobs/folder.ts", import.meta.url).href;
  return { module, open: "folderBlobs", arguments: [store] };
}

export async function startServices(
  store: string,
  options: Partial<DiskHostOptions> = {},
): Promise<Services & { run: string }> {
  const run = newRunId(Date.now());
  const services = await diskHostServices({ store, blobs: folderBlobsOf(store), ...options })(run);
  return { ...services, run };
}

export function closeDisk(opened: OpenedDisk): Promise<void> {
  return opened.close(AbortSignal.timeout(30_000));
}
