import { truncateSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exportImage } from "../../src/image/export.ts";
import { hasherFor } from "../../src/image/hash/hasher.ts";
import { importFile } from "../../src/image/import.ts";
import { CHUNK_BYTES, digestOf } from "../../src/image/map.ts";
import { loadMap } from "../../src/image/stored-map.ts";
import { type MemoryBlobs, memoryBlobs } from "../../src/store/blobs/memory.ts";
import { seeded } from "./seeded.ts";

const MIB = 1024 * 1024;

let folder: string;
let blobs: MemoryBlobs;
let source: string;
let target: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "transfer-"));
  source = join(folder, "source");
  target = join(folder, "target");
  blobs = memoryBlobs();
});
afterEach(() => rm(folder, { recursive: true }));

describe("a file and an image", () => {
  test.each([0, 1, 4096, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * MIB + 12345])(
    "of %i bytes are the same there and back",
    async (sizeBytes) => {
      const content = seeded(1).bytes(sizeBytes);
      await writeFile(source, content);
      const image = await importFile(blobs, source);
      expect(image.bytes).toBe(sizeBytes);
      await exportImage(blobs, image, target);
      expect((await readFile(target)).equals(content)).toBe(true);
      expect(await importFile(blobs, target)).toEqual(image);
    },
  );

  test("keep holes as holes, within a chunk too, and store nothing for them", async () => {
    const content = Buffer.alloc(64 * MIB);
    seeded(2).bytes(4096).copy(content, 4096);
    seeded(3)
      .bytes(10_000)
      .copy(content, 40 * MIB);
    await writeFile(source, content);
    const image = await importFile(blobs, source);
    expect(blobs.content.size).toBe(2 + 2 + 1); // chunks, their segments, the root
    await exportImage(blobs, image, target);
    expect((await stat(target)).size).toBe(content.length);
    expect((await stat(target)).blocks * 512).toBeLessThanOrEqual(4 * 4096 + 4096);
    expect((await readFile(target)).equals(content)).toBe(true);
  });

  test("of a sparse file are the same when it was written a moment ago, and its holes are not read", async () => {
    await truncate(await created(source), 4096 * MIB);
    const data = seeded(4).bytes(CHUNK_BYTES);
    await using file = await open(source, "r+");
    const reads: number[] = [];
    for (const offset of [0, 700 * MIB + 4096, 4096 * MIB - CHUNK_BYTES]) {
      await file.write(data, 0, data.length, offset);
      const image = await importFile(blobs, source, { onProgress: (done) => reads.push(done) });
      const map = await loadMap(blobs, image);
      expect(digestOf(map, Math.floor(offset / CHUNK_BYTES))).toBeDefined();
    }
    expect(Math.max(...reads)).toBeLessThan(MIB);
    const last = await importFile(blobs, source);
    await exportImage(blobs, last, target);
    const [before, after] = [await stat(source), await stat(target)];
    expect(after.blocks).toBeLessThanOrEqual(before.blocks);
  });

  test("are the same where only the ranges with data are read, whatever their alignment", async () => {
    const content = Buffer.alloc(64 * MIB);
    const ranges = [
      { offset: 4096, length: 4096 },
      { offset: 8192 + 100, length: 3 * MIB },
      { offset: 40 * MIB - 1, length: 2 },
      { offset: 64 * MIB - 512, length: 512 },
    ];
    for (const [i, { offset, length }] of ranges.entries()) seeded(i).bytes(length).copy(content, offset);
    await writeFile(source, content);
    expect(await importFile(blobs, source, { ranges })).toEqual(await importFile(blobs, source));
  });

  test("may differ in size: cut, or with zeros behind it", async () => {
    await writeFile(source, seeded(4).bytes(MIB));
    const whole = await importFile(blobs, source);
    const larger = await importFile(blobs, source, { sizeBytes: 2 * MIB });
    const smaller = await importFile(blobs, source, { sizeBytes: 100_000 });
    expect([larger.bytes, smaller.bytes]).toEqual([2 * MIB, 100_000]);
    await truncate(source, 2 * MIB);
    expect(await importFile(blobs, source)).toEqual(larger);
    await truncate(source, 100_000);
    expect(await importFile(blobs, source)).toEqual(smaller);
    expect(whole).not.toEqual(larger);
  });

  test("report their progress up to the end", async () => {
    await writeFile(source, seeded(5).bytes(5 * MIB));
    const steps: number[] = [];
    const image = await importFile(blobs, source, { onProgress: (done) => steps.push(done) });
    expect(steps).toHaveLength(5);
    expect(steps.at(-1)).toBe(5 * MIB);
    let last = [0, 0];
    await exportImage(blobs, image, target, {
      onProgress: (done, total) => {
        last = [done, total];
      },
    });
    expect(last).toEqual([5 * MIB, 5 * MIB]);
  });
});

describe("importing", () => {
  test("says what it cannot read", async () => {
    await expect(importFile(blobs, join(folder, "none"))).rejects.toMatchObject({ code: "cannot-read-file" });
    await expect(importFile(blobs, folder)).rejects.toMatchObject({ code: "not-a-raw-image" });
  });

  test.each([20 * MIB, 40 * MIB])("of %i bytes notices that the file becomes shorter", async (sizeBytes) => {
    await writeFile(source, seeded(8).bytes(sizeBytes));
    const importing = importFile(blobs, source, { onProgress: () => truncateSync(source, 0) });
    await expect(importing).rejects.toMatchObject({ code: "file-changed" });
  });

  test("says what went wrong when the file cannot be read on a thread", async () => {
    await using file = await open(folder, "r");
    const hasher = hasherFor(64 * MIB);
    const part = { descriptor: file.fd, position: 0, length: 10 };
    await expect(hasher.readAndHash(hasher.newPiece(), part)).rejects.toThrow("EISDIR");
    const digests = await hasher.hash(hasher.newPiece());
    expect(digests.every((digest) => digest === null)).toBe(true);
  });

  test("stops when it is aborted", async () => {
    await writeFile(source, seeded(6).bytes(20 * MIB));
    const abort = new AbortController();
    const reason = new Error("enough");
    const importing = importFile(blobs, source, {
      signal: abort.signal,
      onProgress: () => abort.abort(reason),
    });
    await expect(importing).rejects.toBe(reason);
  });
});

describe("exporting", () => {
  test("leaves the target as it was, and nothing else, when a chunk is damaged or the export aborted", async () => {
    await writeFile(source, seeded(7).bytes(3 * MIB));
    await writeFile(target, "before");
    const image = await importFile(blobs, source);
    const abort = new AbortController();
    const aborted = exportImage(blobs, image, target, {
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(aborted).rejects.toThrow("aborted");
    await blobs.remove(digestOf(await loadMap(blobs, image), 30)!);
    const damaged = { code: "blob-missing", digest: image.digest };
    await expect(exportImage(blobs, image, target)).rejects.toMatchObject(damaged);
    expect(await readFile(target, "utf8")).toBe("before");
    expect((await readdir(folder)).sort()).toEqual(["source", "target"]);
  });

  test("says where it cannot write", async () => {
    await writeFile(source, "x");
    const image = await importFile(blobs, source);
    const nowhere = join(folder, "none", "target");
    await expect(exportImage(blobs, image, nowhere)).rejects.toMatchObject({ code: "cannot-write-file" });
  });
});

async function created(path: string): Promise<string> {
  await writeFile(path, "");
  return path;
}
