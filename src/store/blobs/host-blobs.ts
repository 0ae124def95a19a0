/** A store's blobs for the disk host, which is told by plain data where they are; a bundle of its own when built. */
import type { BlobStore } from "../../engine/blobs.ts";
import type { SharedOptions } from "../remote/shared-store.ts";
import { openBlobs } from "./open.ts";

export function hostBlobs(path: string, shared: SharedOptions | null): BlobStore {
  return openBlobs({ path, shared: shared ?? undefined }).blobs;
}
