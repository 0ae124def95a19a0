/** Opening the blob store that another process, or another thread, was told of. */
import type { BlobStore } from "../../engine/blobs.ts";
import type { BlobsOrigin } from "./protocol.ts";

export async function openFrom(origin: BlobsOrigin): Promise<BlobStore> {
  const module = await import(origin.module);
  const open = module[origin.open];
  if (typeof open !== "function") throw new Error(`bug: ${origin.module} exports no function ${origin.open}`);
  return await open(...origin.arguments);
}
