/**
 * Keeps the local store within its bound: what the remote has too goes, the least recently used first. What is only
 * here stays, whatever the bound says; a reader of what has just gone finds it on the remote.
 */
import type { BlobStore, ListedBlob } from "../../engine/blobs.ts";
import type { SharedStore } from "./shared-store.ts";

export interface Trimmed {
  blobs: number;
  bytes: number;
}

export async function trim(
  local: BlobStore,
  shared: () => Promise<SharedStore>,
  { maxBytes }: { maxBytes: number },
): Promise<Trimmed> {
  const listed: ListedBlob[] = [];
  for await (const blob of local.list()) listed.push(blob);
  let over = listed.reduce((sum, { bytes }) => sum + bytes, 0) - maxBytes;
  const trimmed: Trimmed = { blobs: 0, bytes: 0 };
  if (over <= 0) return trimmed;
  const { blobs } = await shared();
  await blobs.sync();
  listed.sort((a, b) => (a.putMs ?? 0) - (b.putMs ?? 0));
  for (const { digest, bytes } of listed) {
    if (over <= 0) break;
    if (!blobs.known(digest)) continue;
    await local.remove(digest);
    over -= bytes;
    trimmed.blobs++;
    trimmed.bytes += bytes;
  }
  if (trimmed.blobs > 0) await local.reclaim?.();
  return trimmed;
}
