import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Digest } from "../../../src/engine/artifact.ts";
import { type BlobStore, CHUNK_BYTES, type Chunk } from "../../../src/engine/blobs.ts";
import { digestOf, hexOf } from "../../../src/store/blobs/digest.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { packPath } from "../../../src/store/blobs/pack-files.ts";
import { indexPath, PackIndex } from "../../../src/store/blobs/pack-index.ts";
import { scratchFolder } from "../scratch.ts";
import { newChunks, overwriteInPack, placeOf, putChunks, readPart } from "./packed.ts";

const BLOCK_BYTES = 4096;
const LATER_MS = Date.now() + 24 * 3600 * 1000;

describe("chunks in packs", () => {
  test("many chunks make one file, and other blobs one each", async () => {
    const path = scratchFolder();
    const blobs = open(path);
    await putChunks(blobs, 200);
    await blobs.put(digestOf(Buffer.from("manifest")), Buffer.from("manifest"));
    expect(packsIn(path)).toEqual(["1.pack"]);
    expect(statSync(packPath(path, 1)).size).toBe(200 * CHUNK_BYTES);
    expect(readdirSync(join(path, "blobs"))).toHaveLength(1);
  });

  test("are verified once, whether they were first read whole or in part", async () => {
    const path = scratchFolder();
    const writer = open(path);
    const [[digest, data]] = [...(await putChunks(writer, 1))] as [[Digest, Buffer]];
    const reader = open(path);
    await reader.get(digest);
    // Only a second reading of the whole would meet what is damaged now.
    overwriteInPack(path, digest, Buffer.from([data[0]! ^ 1]));
    const part = Buffer.alloc(4096);
    await readPart(reader, digest, CHUNK_BYTES - part.length, part);
    expect(part.equals(data.subarray(-part.length))).toBe(true);
    await expect(readPart(open(path), digest, 0, part)).rejects.toMatchObject({ code: "blob-corrupt" });
  });

  test("fill a pack and go on in the next", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(open(path), 1030);
    expect(packsIn(path)).toEqual(["1.pack", "2.pack"]);
    await expectWhole(open(path), chunks);
  });

  test("are seen by another process's store at once, which stores none of them again", async () => {
    const path = scratchFolder();
    const [mine, theirs] = [open(path), open(path)];
    await putChunks(theirs, 1);
    const chunks = await putChunks(mine, 20);
    await expectWhole(theirs, chunks);
    await Promise.all([...chunks].map(([digest, data]) => theirs.put(digest, data)));
    expect(statSync(packPath(path, 1)).size).toBe(CHUNK_BYTES);
  });

  test("put by two at once are in the store once", async () => {
    const path = scratchFolder();
    const chunks = new Map(newChunks(50));
    const put = (blobs: BlobStore) =>
      Promise.all([...chunks].map(([digest, data]) => blobs.put(digest, data)));
    await Promise.all([put(open(path)), put(open(path))]);
    expect(await digestsIn(open(path))).toEqual([...chunks.keys()].sort());
  });

  test("a store that was opened for reading before there was anything sees what is put later", async () => {
    const path = scratchFolder();
    const reader = open(path, { readOnly: true });
    expect(await reader.has(digestOf(Buffer.from("nothing")))).toBe(false);
    const writer = folderBlobs(path);
    const first = await putChunks(writer, 3);
    writer.close?.();
    await expectWhole(reader, first);
    const second = await putChunks(open(path), 3);
    await expectWhole(reader, second);
  });
});

describe("many chunks for one image", () => {
  test("are in the index together, when they are finished", async () => {
    const path = scratchFolder();
    const [mine, theirs] = [open(path), open(path)];
    const chunks = newChunks(1030);
    const writer = mine.chunkWriter!();
    await writer.put(asChunks(chunks));
    expect(await digestsIn(theirs)).toHaveLength(1024);
    await writer.finish();
    await expectWhole(theirs, new Map(chunks));
  });

  test("do not hold up who puts one of them meanwhile", async () => {
    const path = scratchFolder();
    const blobs = open(path);
    const [[digest, data], ...others] = newChunks(3) as [[Digest, Buffer], [Digest, Buffer]];
    const writer = blobs.chunkWriter!();
    await writer.put(asChunks([[digest, data], ...others]));
    await blobs.put(digest, data);
    expect(await open(path).has(digest)).toBe(true);
    await writer.finish();
    expect(statSync(packPath(path, 1)).size).toBe(3 * CHUNK_BYTES);
  });

  test("are all stored when their pack is taken away before they are in the index", async () => {
    const path = scratchFolder();
    const chunks = [...newChunks(4), sparseChunk(3)];
    const writer = open(path).chunkWriter!();
    await writer.put(asChunks(chunks));
    await open(path).reclaim!();
    await writer.put(asChunks(newChunks(1)));
    await writer.finish();
    await expectWhole(open(path), new Map(chunks));
    expect(packsIn(path)).toEqual(["2.pack"]);
  });

  test("reject where they could not be entered, also of another writer's", async () => {
    const path = scratchFolder();
    const blobs = open(path);
    const writers = [blobs.chunkWriter!(), blobs.chunkWriter!()];
    const chunks = asChunks(newChunks(1));
    for (const writer of writers) await writer.put(chunks);
    const index = new DatabaseSync(indexPath(path));
    index.exec("DROP TABLE chunks");
    index.close();
    for (const writer of writers) await expect(writer.finish()).rejects.toThrow("no such table");
  });
});

describe("zeros within a chunk", () => {
  test.for([
    ["at its begin", 0, 5],
    ["at its end", 11, 16],
    ["in the middle", 4, 7],
    ["all but a block", 1, 16],
  ] as const)("%s take no room", async ([, from, end]) => {
    const path = scratchFolder();
    const blobs = open(path);
    const data = randomBytes(CHUNK_BYTES).fill(0, from * BLOCK_BYTES, end * BLOCK_BYTES);
    if (end < 16) data[end * BLOCK_BYTES] = 1;
    await blobs.put(digestOf(data), data);
    await expectWhole(open(path), new Map([[digestOf(data), data]]));
    expect(statSync(packPath(path, 1)).size).toBe(CHUNK_BYTES);
    expectBlocks(path, 1, 16 - (end - from));
  });

  test("that are not whole blocks are written", async () => {
    const path = scratchFolder();
    const blobs = open(path);
    const data = Buffer.alloc(CHUNK_BYTES).fill(1, BLOCK_BYTES - 1, BLOCK_BYTES + 1);
    await blobs.put(digestOf(data), data);
    await expectWhole(open(path), new Map([[digestOf(data), data]]));
    expectBlocks(path, 1, 2);
  });

  test("are holes between the data of many, too, and where they are moved", async () => {
    const path = scratchFolder();
    const blobs = open(path);
    const chunks = new Map(Array.from({ length: 30 }, (_, block) => sparseChunk(block % 16)));
    const writer = blobs.chunkWriter!();
    await writer.put(asChunks([...chunks]));
    await writer.finish();
    for (const digest of [...chunks.keys()].slice(0, 10)) {
      await blobs.remove(digest);
      chunks.delete(digest);
    }
    expectBlocks(path, 1, 30);
    await blobs.reclaim!();
    expect(statSync(packPath(path, 2)).size).toBe(20 * CHUNK_BYTES);
    expectBlocks(path, 2, 20);
    await expectWhole(open(path), chunks);
  });
});

describe("a damaged pack", () => {
  test("that was cut short loses the chunks past its end, and takes them anew", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(open(path), 10);
    truncateSync(packPath(path, 1), 7.5 * CHUNK_BYTES);
    const blobs = open(path);
    const lost = await damagedOf(blobs, chunks);
    expect(lost).toHaveLength(3);
    for (const digest of lost) {
      expect(await blobs.has(digest)).toBe(false);
      await blobs.put(digest, chunks.get(digest)!);
    }
    await expectWhole(open(path), chunks);
  });

  test("that is gone loses its chunks, and takes them anew", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(open(path), 3);
    rmSync(packPath(path, 1));
    const blobs = open(path);
    for (const digest of chunks.keys())
      await expect(blobs.get(digest)).rejects.toMatchObject({ code: "blob-missing" });
    for (const [digest, data] of chunks) await blobs.put(digest, data);
    await expectWhole(open(path), chunks);
  });

  test("whose index points past its end has a damaged chunk there", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(open(path), 2);
    const [digest] = chunks.keys();
    const index = PackIndex.open(path, "write")!;
    const place = placeOf(path, digest!);
    const key = Buffer.from(hexOf(digest!), "hex");
    index.move([{ digest: key, pack: 1, slot: 5000 }], new Map([[hexOf(digest!), place]]));
    index.close();
    const blobs = open(path);
    expect(await damagedOf(blobs, chunks)).toEqual([digest]);
    await blobs.put(digest!, chunks.get(digest!)!);
    await expectWhole(blobs, chunks);
  });

  test("keeps what is left of a chunk as evidence, and is not touched by who may only read", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(open(path), 1);
    const [[digest, data]] = chunks as unknown as [[Digest, Buffer]];
    overwriteInPack(path, digest, Buffer.from("rotten"));
    const reader = open(path, { readOnly: true });
    await expect(reader.get(digest)).rejects.toMatchObject({ code: "blob-corrupt" });
    expect(await reader.has(digest)).toBe(true);
    await expect(open(path).get(digest)).rejects.toMatchObject({ code: "blob-corrupt" });
    expect(await reader.has(digest)).toBe(false);
    const kept = readFileSync(join(path, "damaged", hexOf(digest)));
    expect(kept.equals(Buffer.concat([Buffer.from("rotten"), data.subarray(6)]))).toBe(true);
  });

  test("whose index is no database is told with what to do", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(folderBlobs(path), 1);
    for (const name of readdirSync(join(path, "packs")))
      if (name.startsWith("index")) rmSync(join(path, "packs", name));
    writeFileSync(join(path, "packs", "index.sqlite"), "not a database, but long enough to look".repeat(100));
    const [digest] = chunks.keys();
    await expect(open(path).get(digest!)).rejects.toMatchObject({
      code: "store-damaged",
      hint: expect.stringContaining("index.sqlite away"),
    });
    rmSync(join(path, "packs", "index.sqlite"));
    const blobs = open(path);
    for (const [chunk, data] of chunks) await blobs.put(chunk, data);
    await expectWhole(blobs, chunks);
    await blobs.reclaim?.();
    expect(packsIn(path)).toEqual(["2.pack"]);
  });
});

describe("reclaiming", () => {
  test("removes a pack without chunks, and spares what was put since", async () => {
    const path = scratchFolder();
    const blobs = open(path);
    const chunks = await putChunks(blobs, 5);
    for (const digest of chunks.keys()) await blobs.remove(digest, { unlessPutSinceMs: Date.now() - 60_000 });
    await expectWhole(blobs, chunks);
    for (const digest of chunks.keys()) await blobs.remove(digest, { unlessPutSinceMs: LATER_MS });
    await blobs.reclaim!();
    expect(packsIn(path)).toEqual([]);
    expect(await digestsIn(blobs)).toEqual([]);
  });

  test("moves what is left of a pack that is mostly garbage, under those who read and write", async () => {
    const path = scratchFolder();
    const [writer, reader, late] = [open(path), open(path), open(path)];
    const chunks = await putChunks(writer, 100);
    const part = Buffer.alloc(100);
    const places = [...chunks.keys()];
    const list = Buffer.from(places.map(hexOf).join(""), "hex");
    const [reading, readingLate] = [reader.chunks!(list), late.chunks!(list)];
    for (const place of places.keys()) await reading.read(place, 0, part);
    await readingLate.read(50, 0, part);
    late.close?.(); // its pack is not open any more, the place is remembered
    for (const digest of [...chunks.keys()].slice(0, 50)) {
      await writer.remove(digest);
      chunks.delete(digest);
    }
    await open(path).reclaim!();
    expect(packsIn(path)).toEqual(["2.pack"]);
    expect(statSync(packPath(path, 2)).size).toBe(50 * CHUNK_BYTES);
    for (const blobs of [writer, reader, late, open(path)]) await expectWhole(blobs, chunks);
    for (const chunksRead of [reading, readingLate, open(path).chunks!(list)]) {
      for (const [digest, data] of chunks) {
        await chunksRead.read(places.indexOf(digest), 300, part);
        expect(part.equals(data.subarray(300, 400))).toBe(true);
      }
    }
    const more = await putChunks(writer, 10);
    await expectWhole(open(path), new Map([...chunks, ...more]));
  });

  test("is noticed by who opened the index before, without permission to write", async () => {
    const path = scratchFolder();
    const writer = folderBlobs(path);
    const chunks = await putChunks(writer, 10);
    writer.close?.();
    const reader = open(path, { readOnly: true });
    expect(await reader.has([...chunks.keys()][0]!)).toBe(true);
    const collector = folderBlobs(path);
    for (const digest of [...chunks.keys()].slice(0, 5)) {
      await collector.remove(digest);
      chunks.delete(digest);
    }
    await collector.reclaim!();
    collector.close?.();
    await expectWhole(reader, chunks);
  });

  test("takes a pack away from who writes to it, and no chunk is lost", async () => {
    const path = scratchFolder();
    const writer = open(path);
    await putChunks(writer, 1);
    const collector = open(path);
    for (const digest of await digestsIn(collector)) await collector.remove(digest);
    const chunks = new Map(newChunks(5));
    // Written, and not yet in the index, when the pack is dropped.
    const puts = Promise.all([...chunks].map(([digest, data]) => writer.put(digest, data)));
    await collector.reclaim!();
    await puts;
    await expectWhole(open(path), chunks);
    expect(packsIn(path)).toHaveLength(1);
  });

  test("moves the chunks of many small packs together", async () => {
    const path = scratchFolder();
    const chunks = new Map<Digest, Buffer>();
    for (let run = 0; run < 20; run++) {
      const blobs = folderBlobs(path);
      for (const [digest, data] of await putChunks(blobs, 2)) chunks.set(digest, data);
      blobs.close?.();
    }
    expect(packsIn(path)).toHaveLength(20);
    const blobs = open(path);
    await blobs.reclaim!();
    expect(packsIn(path)).toHaveLength(1);
    await expectWhole(blobs, chunks);
  });

  test("removes what killed processes left: bytes behind the last chunk, files without a pack", async () => {
    const path = scratchFolder();
    const chunks = await putChunks(open(path), 10);
    appendFileSync(packPath(path, 1), Buffer.alloc(5.5 * CHUNK_BYTES, 1));
    writeFileSync(packPath(path, 77), "left");
    const blobs = open(path);
    await blobs.reclaim!();
    expect(packsIn(path)).toEqual(["2.pack"]);
    expect(statSync(packPath(path, 2)).size).toBe(10 * CHUNK_BYTES);
    await expectWhole(blobs, chunks);
  });
});

describe("a store of format 1", () => {
  test("has its loose chunks found, and becomes 3 when something new is put", async () => {
    const path = scratchFolder();
    const store = join(path, "store.json");
    writeFileSync(store, '{"schema":"tplgraph.store/1"}\n');
    mkdirSync(join(path, "tmp"));
    const [[digest, data]] = newChunks(1) as [[Digest, Buffer]];
    const file = join(path, "blobs", hexOf(digest).slice(0, 2), hexOf(digest).slice(2));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, data);
    const blobs = open(path);
    await expectWhole(blobs, new Map([[digest, data]]));
    await blobs.put(digest, data);
    expect(existsSync(join(path, "packs"))).toBe(false);
    expect(readFileSync(store, "utf8")).toContain("store/1");
    const more = await putChunks(blobs, 2);
    expect(readFileSync(store, "utf8")).toContain("store/3");
    await expectWhole(blobs, new Map([[digest, data], ...more]));
    expect(await digestsIn(blobs)).toEqual([digest, ...more.keys()].sort());
  });
});

function open(path: string, options: { readOnly?: boolean } = {}): BlobStore {
  const blobs = folderBlobs(path, options);
  onTestFinished(() => blobs.close?.());
  return blobs;
}

/** What a pack takes on the disk, without the two that the file system may need to tell where the holes are. */
function expectBlocks(path: string, pack: number, blocks: number): void {
  const taken = (statSync(packPath(path, pack)).blocks * 512) / BLOCK_BYTES;
  expect(taken).toBeGreaterThanOrEqual(blocks);
  expect(taken).toBeLessThanOrEqual(blocks + 2);
}

/** All zeros but for one block. */
function sparseChunk(block: number): [Digest, Buffer] {
  const data = Buffer.alloc(CHUNK_BYTES);
  randomBytes(BLOCK_BYTES).copy(data, block * BLOCK_BYTES);
  return [digestOf(data), data];
}

function asChunks(chunks: readonly [Digest, Buffer][]): Chunk[] {
  return chunks.map(([digest, data]) => ({ digest: Buffer.from(hexOf(digest), "hex"), data }));
}

async function expectWhole(blobs: BlobStore, chunks: ReadonlyMap<Digest, Buffer>): Promise<void> {
  for (const [digest, data] of chunks) {
    expect(await blobs.has(digest)).toBe(true);
    expect(data.equals(await blobs.get(digest))).toBe(true);
  }
}

async function damagedOf(blobs: BlobStore, chunks: ReadonlyMap<Digest, Buffer>): Promise<Digest[]> {
  const damaged: Digest[] = [];
  for (const digest of chunks.keys())
    await blobs.get(digest).catch((error: { code: string }) => {
      expect(error.code).toBe("blob-corrupt");
      damaged.push(digest);
    });
  return damaged;
}

async function digestsIn(blobs: BlobStore): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest } of blobs.list()) digests.push(digest);
  return digests.sort();
}

function packsIn(path: string): string[] {
  return readdirSync(join(path, "packs"))
    .filter((name) => name.endsWith(".pack"))
    .sort();
}
