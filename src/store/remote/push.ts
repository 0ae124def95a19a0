/**
 * From the local store to the remote: blobs first, then what says which packs an artifact needs, then records, then
 * names. What is there already is not sent, and whatever ends it, what was sent stays useful.
 */
import type { Artifact, Digest } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../../engine/errors.ts";
import { inParallel } from "../../engine/in-parallel.ts";
import type { CacheRecord } from "../../engine/run/record.ts";
import type { Ref } from "../../engine/store.ts";
import type { PartsOf } from "../presence.ts";
import type { SharedStore } from "./shared-store.ts";

/** Images that an artifact consists of, a snapshot's memory and disk: whoever asks for one of them finds its packs. */
export type InnerOf = (artifact: Artifact, blobs: BlobStore) => Promise<readonly Artifact[]>;

export interface PushSource {
  blobs: BlobStore;
  partsOf: PartsOf;
  innerOf: InnerOf;
}

export interface Shipment {
  artifacts: readonly Artifact[];
  records?: readonly CacheRecord[];
  refs?: readonly Ref[];
}

export interface TransferProgress {
  /** Blobs, of all that are needed. */
  done: number;
  total: number;
  /** That went over so far. */
  bytes: number;
}

export interface TransferOptions {
  signal?: AbortSignal | undefined;
  onProgress?(progress: TransferProgress): void;
}

export interface PushReport {
  /** Of blobs: how many were there already, how many were sent. */
  there: number;
  sent: number;
  /** Compressed. */
  sentBytes: number;
  records: number;
  refs: string[];
}

const READS_AT_ONCE = 16;

export async function push(
  shipment: Shipment,
  source: PushSource,
  shared: SharedStore,
  options: TransferOptions = {},
): Promise<PushReport> {
  const { signal } = options;
  await shared.blobs.sync();
  const needs = await needsOf(await withInner(shipment.artifacts, source), source);
  const all = [...new Set([...needs.values()].flat())];
  const missing = all.filter((digest) => !shared.blobs.known(digest));
  const sentBytes = await sendBlobs(missing, source, shared, { ...options, total: all.length });
  for (const [artifact, digests] of needs) {
    signal?.throwIfAborted();
    await shared.blobs.putArtifact(artifact, digests);
  }
  let records = 0;
  for (const record of shared.records ? (shipment.records ?? []) : []) {
    signal?.throwIfAborted();
    await shared.records!.put(record);
    records++;
  }
  for (const ref of shipment.refs ?? []) {
    signal?.throwIfAborted();
    await shared.refs.put(ref);
  }
  const refs = (shipment.refs ?? []).map(({ name }) => name);
  return { there: all.length - missing.length, sent: missing.length, sentBytes, records, refs };
}

async function withInner(artifacts: readonly Artifact[], source: PushSource): Promise<Artifact[]> {
  const all = new Map<Digest, Artifact>();
  for (const artifact of artifacts) {
    if (artifact.type === "data") continue; // its value stands in whatever names it
    for (const inner of await source.innerOf(artifact, source.blobs)) all.set(inner.digest, inner);
    all.set(artifact.digest, artifact);
  }
  return [...all.values()];
}

/** In the order in which they are best read: an image's chunks, then its map. */
async function needsOf(artifacts: readonly Artifact[], source: PushSource): Promise<Map<Artifact, Digest[]>> {
  const needs = new Map<Artifact, Digest[]>();
  for (const artifact of artifacts)
    needs.set(artifact, [...(await source.partsOf(artifact, source.blobs)), artifact.digest]);
  return needs;
}

/** Returns the bytes that were sent. */
async function sendBlobs(
  missing: readonly Digest[],
  { blobs }: PushSource,
  shared: SharedStore,
  { signal, onProgress, total }: TransferOptions & { total: number },
): Promise<number> {
  if (missing.length === 0) return 0;
  const writer = await shared.blobs.writer(signal);
  let done = total - missing.length;
  await inParallel(missing, READS_AT_ONCE, async (digest) => {
    signal?.throwIfAborted();
    await writer.add(digest, await readLocal(blobs, digest));
    done++;
    onProgress?.({ done, total, bytes: writer.sentBytes });
  });
  await writer.flush();
  onProgress?.({ done, total, bytes: writer.sentBytes });
  return writer.sentBytes;
}

async function readLocal(blobs: BlobStore, digest: Digest): Promise<Buffer> {
  try {
    return await blobs.get(digest);
  } catch (error) {
    if (!(error instanceof TplError) || (error.code !== "blob-missing" && error.code !== "blob-corrupt"))
      throw error;
    const { code, message } = error as TplError & { code: "blob-missing" | "blob-corrupt" };
    throw new ArtifactDamaged({ code, digest, message, cause: error });
  }
}
