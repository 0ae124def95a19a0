import { describe, expect, onTestFinished, test } from "vitest";
import type { BlobStore } from "../../src/engine/blobs.ts";
import { ImageReader } from "../../src/image/image-reader.ts";
import { CHUNK_BYTES, type ChunkMap, digestOf, emptyMap, withChanges } from "../../src/image/map.ts";
import { digestOf as blobDigest, hexOf } from "../../src/store/blobs/digest.ts";
import { folderBlobs } from "../../src/store/blobs/folder.ts";
import { type MemoryBlobs, memoryBlobs } from "../../src/store/blobs/memory.ts";
import { tieredBlobs } from "../../src/store/remote/tiered.ts";
import { overwriteInPack } from "../store/blobs/packed.ts";
import { scratchFolder } from "../store/scratch.ts";
import { seeded } from "./seeded.ts";

const CHUNKS = 6;
const HOLE = 3;
const content = seeded(5)
  .bytes(CHUNKS * CHUNK_BYTES)
  .fill(0, HOLE * CHUNK_BYTES, (HOLE + 1) * CHUNK_BYTES);
const RANGES = [
  [0, content.length],
  [100, 50],
  [CHUNK_BYTES - 10, 20],
  [2 * CHUNK_BYTES + 5, 2 * CHUNK_BYTES],
  [HOLE * CHUNK_BYTES, 4096],
  [content.length - 1, 1],
] as const;

/** Chunks that lie here, those that only a remote has, and a hole, side by side. */
describe("an image whose chunks are partly here", () => {
  test.for([{ here: [] }, { here: [1, 4] }, { here: [5, 0, 1, 2, 4] }])(
    "reads all of it: $here",
    async ({ here }) => {
      const { reader } = await readerOf({ here });
      for (const [offset, length] of RANGES) expect(await read(reader, offset, length)).toEqual(true);
      for (const [offset, length] of RANGES) expect(await read(reader, offset, length)).toEqual(true);
    },
  );

  test("fetches a chunk once for many parts, also where it cannot be kept", async () => {
    const { reader, fetched } = await readerOf({ here: [0], readOnly: true });
    await Promise.all([10, 5000, 60000].map((at) => read(reader, CHUNK_BYTES + at, 100)));
    expect(await read(reader, CHUNK_BYTES + 200, 100)).toBe(true);
    expect(fetched()).toBe(1);
  });

  test("takes one that is damaged here from the remote", async () => {
    const { reader, map, path } = await readerOf({ here: [0, 1, 2, 4, 5] });
    overwriteInPack(path, digestOf(map, 1)!, Buffer.from("rotten"));
    expect(await read(reader, 0, content.length)).toBe(true);
  });

  test("says how a damaged one was found where nobody else has it", async () => {
    const { reader, map, path, remote } = await readerOf({ here: [0, 1, 2, 4, 5] });
    remote.content.clear();
    overwriteInPack(path, digestOf(map, 1)!, Buffer.from("rotten"));
    await expect(read(reader, 0, content.length)).rejects.toMatchObject({ code: "blob-corrupt" });
  });
});

interface Reading {
  reader: ImageReader;
  map: ChunkMap;
  path: string;
  remote: MemoryBlobs;
  /** How many chunks came from the remote. */
  fetched(): number;
}

/** The remote has all chunks; the folder those of `here`, put in that order. */
async function readerOf({
  here,
  readOnly = false,
}: {
  here: number[];
  readOnly?: boolean;
}): Promise<Reading> {
  const path = scratchFolder();
  const writer = folderBlobs(path);
  const remote = memoryBlobs();
  for (const index of here) await putChunk(writer, index);
  writer.close?.();
  const changes = new Map<number, Buffer>();
  for (let index = 0; index < CHUNKS; index++)
    if (index !== HOLE) changes.set(index, Buffer.from(hexOf(await putChunk(remote, index)), "hex"));
  let fetches = 0;
  const counted: BlobStore = {
    ...remote,
    get(digest) {
      fetches++;
      return remote.get(digest);
    },
  };
  const local = folderBlobs(path, { readOnly });
  onTestFinished(() => local.close?.());
  const blobs = tieredBlobs({ local, remote: async () => counted, uses: "ignored" });
  const map = withChanges(emptyMap(content.length), changes, content.length);
  return { reader: new ImageReader(blobs, map), map, path, remote, fetched: () => fetches };
}

async function putChunk(blobs: BlobStore, index: number) {
  const chunk = content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  const digest = blobDigest(chunk);
  await blobs.put(digest, chunk);
  return digest;
}

/** Whether the range is read as it is. */
async function read(reader: ImageReader, offset: number, length: number): Promise<boolean> {
  const into = Buffer.alloc(length, 0xaa);
  await reader.fill(into, offset);
  return into.equals(content.subarray(offset, offset + length));
}
