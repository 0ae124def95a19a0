import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ImageArtifact } from "../../src/engine/artifact.ts";
import { differingRanges } from "../../src/image/differing-ranges.ts";
import { importFile } from "../../src/image/import.ts";
import { memoryBlobs } from "../../src/store/blobs/memory.ts";
import { seeded } from "./seeded.ts";

const BLOCK = 4096;
const CHUNK = 65536;

const blobs = memoryBlobs();
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tplgraph-ranges-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function imageOf(content: Buffer): Promise<ImageArtifact> {
  const path = join(folder, "raw");
  await writeFile(path, content);
  return await importFile(blobs, path);
}

it("are to the block, joined across chunks, and none of an image to itself", async () => {
  const content = seeded(3).bytes(4 * CHUNK);
  const changed = Buffer.from(content);
  changed[5]! ^= 1;
  changed.fill(0, CHUNK - BLOCK, CHUNK + BLOCK + 1);
  const [a, b] = [await imageOf(content), await imageOf(changed)];
  expect(await differingRanges(blobs, a, b)).toEqual([
    { offset: 0, length: BLOCK },
    { offset: CHUNK - BLOCK, length: 3 * BLOCK },
  ]);
  expect(await differingRanges(blobs, b, a)).toEqual(await differingRanges(blobs, a, b));
  expect(await differingRanges(blobs, a, a)).toEqual([]);
});

it("count what lies past the end of the smaller one as zeros", async () => {
  const small = seeded(4).bytes(CHUNK + 512);
  const grown = Buffer.concat([small, Buffer.alloc(2 * CHUNK)]);
  expect(await differingRanges(blobs, await imageOf(small), await imageOf(grown))).toEqual([]);
  grown[grown.length - 1] = 1;
  expect(await differingRanges(blobs, await imageOf(small), await imageOf(grown))).toEqual([
    { offset: 3 * CHUNK, length: BLOCK },
  ]);
});

it("are not looked for any further once nobody waits", async () => {
  const [a, b] = [await imageOf(Buffer.alloc(CHUNK, 1)), await imageOf(Buffer.alloc(CHUNK, 2))];
  const signal = AbortSignal.abort(new Error("told to end"));
  await expect(differingRanges(blobs, a, b, { signal })).rejects.toThrow("told to end");
});
