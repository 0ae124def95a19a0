/** What a view knows of its ranges without reading them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHUNK_BYTES, emptyMap, endOfAlike } from "../../src/image/map.ts";
import { loadMap } from "../../src/image/stored-map.ts";
import { type CowView, openView } from "../../src/image/view.ts";
import { type MemoryBlobs, memoryBlobs } from "../../src/store/blobs/memory.ts";
import { seeded } from "./seeded.ts";

const BLOCK = 4096;

let folder: string;
let blobs: MemoryBlobs;
let overlays = 0;
const open: CowView[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "extents-"));
  blobs = memoryBlobs();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((view) => view.close()));
  await rm(folder, { recursive: true });
});

async function viewOf(map = emptyMap(0), sizeBytes = map.sizeBytes): Promise<CowView> {
  const view = await openView({ blobs, map, sizeBytes, overlayPath: join(folder, `${overlays++}`) });
  open.push(view);
  return view;
}

/** An image with these chunks full of data. */
async function imageWith(chunks: readonly number[], chunkCount: number) {
  const view = await viewOf(emptyMap(chunkCount * CHUNK_BYTES));
  for (const chunk of chunks) await view.write(chunk * CHUNK_BYTES, Buffer.alloc(CHUNK_BYTES, 1));
  return await loadMap(blobs, await view.seal());
}

function told(view: CowView, offset: number, length: number): [number, string][] {
  return Array.from(view.extents(offset, length), ({ lengthBytes, kind, dirty }) => [
    lengthBytes,
    dirty ? `dirty ${kind}` : kind,
  ]);
}

describe("the extents of a view", () => {
  /**
   * chunk:  0 data | 1 hole | 2 hole | 3 data | 4 data | end of the image | 5 hole
   */
  test("are the image's where nothing was changed", async () => {
    const view = await viewOf(await imageWith([0, 3, 4], 5), 6 * CHUNK_BYTES);
    expect(told(view, 0, view.sizeBytes)).toEqual([
      [CHUNK_BYTES, "data"],
      [2 * CHUNK_BYTES, "hole"],
      [2 * CHUNK_BYTES, "data"],
      [CHUNK_BYTES, "hole"],
    ]);
    expect(told(view, CHUNK_BYTES - 1, 2)).toEqual([
      [1, "data"],
      [1, "hole"],
    ]);
  });

  test("show what was written and zeroed, by blocks", async () => {
    const view = await viewOf(await imageWith([0], 2));
    await view.write(BLOCK, Buffer.alloc(1));
    await view.trim(3 * BLOCK, 2 * BLOCK);
    await view.write(CHUNK_BYTES, Buffer.alloc(BLOCK));
    expect(told(view, 0, view.sizeBytes)).toEqual([
      [BLOCK, "data"],
      [BLOCK, "dirty data"],
      [BLOCK, "data"],
      [2 * BLOCK, "dirty hole"],
      [CHUNK_BYTES - 5 * BLOCK, "data"],
      [BLOCK, "dirty data"],
      [CHUNK_BYTES - BLOCK, "hole"],
    ]);
    await view.trim(CHUNK_BYTES, BLOCK);
    expect(told(view, CHUNK_BYTES, CHUNK_BYTES)).toEqual([[CHUNK_BYTES, "hole"]]);
  });

  test("cover any range exactly, and what they call a hole reads as zeros", async () => {
    const random = seeded(30);
    const view = await viewOf(await imageWith([1, 2, 5, 9], 12), 13 * CHUNK_BYTES - 77);
    for (let step = 0; step < 60; step++) {
      const offset = random.below(view.sizeBytes);
      const length = random.below(Math.min(2 * CHUNK_BYTES, view.sizeBytes - offset));
      if (random.below(2) === 0) await view.write(offset, random.bytes(length));
      else await view.writeZeroes(offset, length);
      const from = random.below(view.sizeBytes - 1);
      const rangeBytes = 1 + random.below(view.sizeBytes - from);
      let at = from;
      for (const { lengthBytes, kind } of view.extents(from, rangeBytes)) {
        expect(lengthBytes).toBeGreaterThan(0);
        const content = await view.read(at, lengthBytes);
        if (kind === "hole") expect(content.every((byte) => byte === 0)).toBe(true);
        at += lengthBytes;
      }
      expect(at).toBe(from + rangeBytes);
    }
  });

  test("of a terabyte of zeros are one", async () => {
    const view = await viewOf(emptyMap(2 ** 40));
    expect(told(view, 0, 2 ** 40)).toEqual([[2 ** 40, "hole"]]);
  });
});

test("zeroing is fast where no block has to be read and written", async () => {
  const view = await viewOf(emptyMap(3 * BLOCK + 5));
  expect(view.zeroesFast(0, 2 * BLOCK)).toBe(true);
  expect(view.zeroesFast(BLOCK, 2 * BLOCK + 5)).toBe(true);
  expect(view.zeroesFast(1, BLOCK)).toBe(false);
  expect(view.zeroesFast(0, BLOCK + 1)).toBe(false);
});

test("a map tells where its chunks begin and cease to be present", async () => {
  const map = await imageWith([2, 3, 6], 10);
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((chunk) => endOfAlike(map, chunk))).toEqual([
    2,
    2,
    4,
    4,
    6,
    6,
    7,
    Number.POSITIVE_INFINITY,
  ]);
});
