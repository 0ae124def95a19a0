/**
 * Blobs on a remote: found by the packs' indexes, read by ranges, verified by their digests, written in packs. Where
 * an image or a snapshot is asked for by its digest, the indexes of the packs that it needs are fetched, and no others.
 */
import type { Artifact, Digest } from "../../engine/artifact.ts";
import type { BlobStore, ListedBlob } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";
import { blobMissing, matches } from "../blobs/verified.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { Located } from "./digest-table.ts";
import { artifactKey, checkFormat, indexKey, PACKS, packKey, packOfIndexKey, writeFormat } from "./layout.ts";
import { decodeIndex, ENTRY_BYTES, encodeIndex, entryAt, unpackBlob } from "./pack-format.ts";
import { PackIndexes } from "./pack-indexes.ts";
import { PackReader } from "./pack-reader.ts";
import { PackWriter } from "./pack-writer.ts";

export interface RemoteBlobs extends BlobStore {
  /** Where it lies, as far as it is known without asking. */
  known(digest: Digest): Located | undefined;
  /** Knows every pack there is now. */
  sync(): Promise<void>;
  /** Blobs given to it travel together; nothing is there before its `flush`. Makes the remote store where there is none. */
  writer(signal?: AbortSignal): Promise<PackWriter>;
  /** The artifact with this digest, if it was pushed as one. */
  artifact(digest: Digest): Promise<Artifact | undefined>;
  /** Says which packs an artifact needs, all of whose `digests` are there. False: it was said before. */
  putArtifact(artifact: Artifact, digests: readonly Digest[]): Promise<boolean>;
}

export interface RemoteBlobsOptions {
  /** Whose format is looked at often: see `format-check.ts`. */
  objects: ObjectStore;
  /** Where indexes are kept; absent: in memory alone. */
  indexFolder?: string | undefined;
  /** When a pack is full. Default: 32 MiB. */
  packBytes?: number;
  /** Told of packs that are damaged. */
  onFault?(error: unknown): void;
}

/** How long `put` waits for more that could travel in the same pack. */
const LINGER_MS = 10;

export function remoteBlobs(options: RemoteBlobsOptions): RemoteBlobs {
  const { objects, onFault = () => undefined } = options;
  const indexes = new PackIndexes({ objects, folder: options.indexFolder, onFault });
  const reader = new PackReader(objects);
  /** Packs in which a blob turned out to be damaged. */
  const damaged = new Map<Digest, Set<string>>();
  let lingering: { writer: PackWriter; flushed: Promise<void> } | undefined;

  const ready = () => checkFormat(objects);

  async function locate(digest: Digest): Promise<Located | undefined> {
    const except = damaged.get(digest);
    const known = indexes.find(digest, except);
    if (known) return known;
    if ((await ready()) === "absent") return undefined;
    const packs = await packsOf(objects, digest);
    if (packs) await indexes.load(packs);
    const found = packs && indexes.find(digest, except);
    if (found) return found;
    await indexes.sync();
    return indexes.find(digest, except);
  }

  async function read(digest: Digest, place: Located): Promise<Buffer> {
    const name = `${packKey(place.pack)} of ${objects.name}`;
    const stored = await reader.read(place.pack, place.offset, place.storedBytes);
    if (stored.length !== place.storedBytes)
      throw corrupt(
        `${name} is cut short: blob ${digest} should end at byte ${place.offset + place.storedBytes}`,
      );
    const data = await unpackBlob(stored, place);
    if (data && matches(digest, data)) return data;
    throw corrupt(`blob ${digest} is damaged in ${name}`);
  }

  const writer = async (signal?: AbortSignal) => {
    if ((await ready()) === "absent") await writeFormat(objects);
    const { packBytes } = options;
    const onPack = (pack: string, index: Buffer) => {
      indexes.add(pack, index);
      for (const packs of damaged.values()) packs.delete(pack);
    };
    const isDamaged = (pack: string) => [...damaged.values()].some((packs) => packs.has(pack));
    return new PackWriter({ objects, onPack, isDamaged, signal, packBytes });
  };

  async function openLingering() {
    const opened = await writer();
    const flushed = new Promise((resolve) => setTimeout(resolve, LINGER_MS)).then(() => {
      lingering = undefined;
      return opened.flush();
    });
    return { writer: opened, flushed };
  }

  return {
    readOnly: false,
    known: (digest) => indexes.find(digest, damaged.get(digest)),
    async sync() {
      if ((await ready()) === "present") await indexes.sync();
    },
    writer,
    async has(digest) {
      if (indexes.find(digest, damaged.get(digest))) return true;
      if ((await ready()) === "absent") return false;
      if (!damaged.has(digest) && (await objects.stat(artifactKey(digest)))) return true;
      await indexes.sync();
      return indexes.find(digest, damaged.get(digest)) !== undefined;
    },
    async get(digest) {
      let fault: unknown;
      for (;;) {
        const place = await locate(digest);
        if (!place) throw fault ?? blobMissing(digest);
        try {
          return await read(digest, place);
        } catch (error) {
          if (!(error instanceof TplError) || error.code.startsWith("store-")) throw error;
          // A pack that is gone is known no more; of a damaged one, this blob is not read again.
          if (error.code === "object-missing") indexes.forget(place.pack);
          damaged.set(digest, new Set([...(damaged.get(digest) ?? []), place.pack]));
          fault = error.code === "object-missing" ? blobMissing(digest, error) : error;
          onFault(fault);
        }
      }
    },
    async put(digest, data) {
      if (await locate(digest)) return 0;
      lingering ??= await openLingering();
      const { writer: opened, flushed } = lingering;
      await Promise.all([opened.add(digest, data), flushed]);
      for (const pack of damaged.get(digest) ?? []) await removeFrom(objects, indexes, pack, digest);
      damaged.delete(digest);
      return data.byteLength;
    },
    async *list() {
      yield* await listed(objects, indexes, await ready());
    },
    async remove(digest) {
      for (let place = await locate(digest); place; place = indexes.find(digest))
        await removeFrom(objects, indexes, place.pack, digest);
    },
    async artifact(digest) {
      return (await ready()) === "absent" ? undefined : (await pushed(objects, digest))?.artifact;
    },
    async putArtifact(artifact, digests) {
      const packs = new Set<string>();
      for (const digest of digests) {
        const place = indexes.find(digest, damaged.get(digest));
        if (!place) throw new Error(`bug: ${digest} is to be there, and is not`);
        packs.add(place.pack);
      }
      const known = await packsOf(objects, artifact.digest);
      if (known && known.length === packs.size && known.every((pack) => packs.has(pack))) return false;
      const text = JSON.stringify({ schema: "tplgraph.remote-artifact/1", artifact, packs: [...packs] });
      await objects.put(artifactKey(artifact.digest), Buffer.from(text));
      return true;
    },
  };
}

/** The packs that an artifact needs. */
async function packsOf(objects: ObjectStore, digest: Digest): Promise<string[] | undefined> {
  return (await pushed(objects, digest))?.packs;
}

/** Undefined: nothing is said of this digest, or nothing that makes sense. */
async function pushed(
  objects: ObjectStore,
  digest: Digest,
): Promise<{ artifact: Artifact; packs: string[] } | undefined> {
  try {
    const text = (await objects.get(artifactKey(digest))).toString("utf8");
    const said = JSON.parse(text) as { artifact?: Artifact; packs?: string[] };
    const { artifact, packs } = said;
    if (artifact?.digest !== digest || !Array.isArray(packs)) return undefined;
    return packs.every((pack) => /^[0-9a-f]{64}$/.test(pack)) ? { artifact, packs } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof TplError && error.code === "object-missing") return undefined;
    throw error;
  }
}

/** The blob's bytes stay in the pack, until the last blob of it is removed. */
async function removeFrom(
  objects: ObjectStore,
  indexes: PackIndexes,
  pack: string,
  digest: Digest,
): Promise<void> {
  const { packBytes, entries } = decodeIndex(await objects.get(indexKey(pack)), indexKey(pack));
  const left = [];
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const entry = entryAt(entries, at);
    if (entry.digest !== digest) left.push(entry);
  }
  indexes.forget(pack);
  if (left.length === 0) {
    await objects.remove(indexKey(pack));
    await objects.remove(packKey(pack));
    return;
  }
  const index = encodeIndex(left, packBytes);
  await objects.put(indexKey(pack), index);
  indexes.add(pack, index);
}

async function* listed(
  objects: ObjectStore,
  indexes: PackIndexes,
  format: "present" | "absent",
): AsyncGenerator<ListedBlob> {
  if (format === "absent") return;
  await indexes.sync();
  const seen = new Set<Digest>();
  for await (const { key, putMs } of objects.list(PACKS)) {
    const pack = packOfIndexKey(key);
    if (pack === undefined) continue;
    const { entries } = decodeIndex(await objects.get(key), key);
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
      const { digest, bytes } = entryAt(entries, at);
      if (!seen.has(digest)) yield { digest, bytes, ...(putMs === undefined ? {} : { putMs }) };
      seen.add(digest);
    }
  }
}

function corrupt(message: string): TplError {
  return new TplError({
    code: "blob-corrupt",
    message,
    hint: "push again what it belongs to from a machine that has it: tplgraph store push",
  });
}
