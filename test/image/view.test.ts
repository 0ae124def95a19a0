import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Digest, ImageArtifact } from "../../src/engine/artifact.ts";
import type { BlobStore } from "../../src/engine/blobs.ts";
import { ArtifactDamaged } from "../../src/engine/errors.ts";
import { CHUNK_BYTES, digestOf, emptyMap } from "../../src/image/map.ts";
import { loadMap } from "../../src/image/stored-map.ts";
import { type CowView, openView } from "../../src/image/view.ts";
import { type MemoryBlobs, memoryBlobs } from "../../src/store/blobs/memory.ts";
import { type Seeded, seeded } from "./seeded.ts";

const EIO = expect.objectContaining({ code: "EIO" });

let folder: string;
let blobs: MemoryBlobs;
let overlays = 0;
const open: CowView[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "view-"));
  blobs = memoryBlobs();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((view) => view.close()));
  await rm(folder, { recursive: true });
});

describe("a view", () => {
  test("shows what was written, whatever the alignment, and seals to the same image as a fresh one", async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = seeded(seed);
      const base = randomContent(random, 5 * CHUNK_BYTES + random.below(CHUNK_BYTES));
      const image = await imageOf(base);
      const view = await viewOf(image, { sizeBytes: base.length + random.below(2 * CHUNK_BYTES) });
      const model = Buffer.alloc(view.sizeBytes);
      base.copy(model);
      for (let step = 0; step < 150; step++) await randomOperation(random, view, model);

      expect((await view.read(0, model.length)).equals(model)).toBe(true);
      const sealed = await view.seal();
      expect(sealed).toEqual(await imageOf(model));
      expect((await (await viewOf(sealed)).read(0, model.length)).equals(model)).toBe(true);
      expect((await (await viewOf(image)).read(0, base.length)).equals(base)).toBe(true);
    }
  });

  test("keeps every one of the small writes that overlap in time within a block", async () => {
    const base = seeded(20).bytes(4 * CHUNK_BYTES);
    const view = await viewOf(await imageOf(base));
    const model = Buffer.from(base);
    const pieces = Array.from({ length: 256 }, (_, index) => index * 1000 + 7);
    await Promise.all(
      pieces.map((offset, index) => {
        const data = Buffer.alloc(1000, index + 1);
        data.copy(model, offset);
        return index % 5 === 0 ? view.writeZeroes(offset, 1000) : view.write(offset, data);
      }),
    );
    for (let index = 0; index < pieces.length; index += 5)
      model.fill(0, pieces[index]!, pieces[index]! + 1000);
    expect((await view.read(0, model.length)).equals(model)).toBe(true);
  });

  test("asks the store for nothing when whole blocks are written, and once for a chunk many readers want", async () => {
    const image = await imageOf(seeded(21).bytes(4 * CHUNK_BYTES));
    const counted = countingGets(blobs);
    const view = await viewOf(image, { blobs: counted.blobs });
    counted.gets = 0;
    await view.write(8192, Buffer.alloc(4096, 1));
    await view.trim(CHUNK_BYTES, CHUNK_BYTES);
    expect(counted.gets).toBe(0);
    await Promise.all([0, 4096, 12288, 100, 60000].map((offset) => view.read(offset, 512)));
    expect(counted.gets).toBe(1);
    expect(view.stats()).toEqual({ readBytes: CHUNK_BYTES, writtenBytes: 4096, dirtyBytes: 4096 });
  });

  test("refuses changes when it is read-only, and makes no overlay", async () => {
    const view = await viewOf(await imageOf(seeded(22).bytes(CHUNK_BYTES)), { readOnly: true });
    const refusal = { code: "EPERM" };
    await expect(view.write(0, Buffer.alloc(1))).rejects.toMatchObject(refusal);
    await expect(view.trim(0, 1)).rejects.toMatchObject(refusal);
    await view.flush();
    await expect(stat(join(folder, `${overlays}`))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("removes its overlay when it closes, and only its own", async () => {
    const view = await viewOf(await imageOf(Buffer.alloc(0)), { sizeBytes: 10 });
    const overlayPath = join(folder, `${overlays}`);
    await expect(openView({ blobs, map: emptyMap(1), overlayPath })).rejects.toMatchObject({
      code: "EEXIST",
    });
    const writing = Promise.allSettled([view.write(3, Buffer.from("abc"))]);
    await view.close();
    await writing;
    await view.close();
    await expect(stat(overlayPath)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(view.read(0, 1)).rejects.toMatchObject({ code: "ESHUTDOWN" });
  });

  test("trims a terabyte in no more memory than it has data", async () => {
    const sizeBytes = 2 ** 40;
    const view = await viewOf(await imageOf(seeded(23).bytes(CHUNK_BYTES)), { sizeBytes });
    await view.write(2 ** 39, Buffer.alloc(4096, 1));
    await view.trim(0, sizeBytes);
    expect(view.stats().dirtyBytes).toBe(0);
    expect(await view.seal({ sizeBytes: 2 * CHUNK_BYTES })).toEqual(
      await imageOf(Buffer.alloc(2 * CHUNK_BYTES)),
    );
  });
});

describe("sealing", () => {
  test("puts the dirty chunks, the map and its segment, nothing else", async () => {
    const base = seeded(30).bytes(200 * CHUNK_BYTES);
    const image = await imageOf(base);
    const view = await viewOf(image);
    await view.write(5 * CHUNK_BYTES + 4096, Buffer.alloc(4096, 1));
    await view.write(77 * CHUNK_BYTES - 10, Buffer.alloc(20, 2));
    await view.trim(100 * CHUNK_BYTES, CHUNK_BYTES);
    const before = blobs.content.size;
    await view.seal();
    expect(blobs.content.size - before).toBe(3 + 2);
  });

  test("twice gives the same image, and goes on where the first left off", async () => {
    const view = await viewOf(await imageOf(Buffer.alloc(0)), { sizeBytes: 3 * CHUNK_BYTES });
    await view.write(1, Buffer.from("one"));
    const first = await view.seal();
    expect(await view.seal()).toEqual(first);
    await view.write(1, Buffer.alloc(3));
    expect(await view.seal()).toEqual(await imageOf(Buffer.alloc(3 * CHUNK_BYTES)));
  });

  test("ends when it is told to, and can be done again", async () => {
    const view = await viewOf(await imageOf(Buffer.alloc(0)), { sizeBytes: 300 * CHUNK_BYTES });
    const content = seeded(33).bytes(300 * CHUNK_BYTES);
    await view.write(0, content);
    const aborting = new AbortController();
    const { put } = blobs;
    let puts = 0;
    blobs.put = async (digest, data) => {
      if (++puts === 20) aborting.abort(new Error("enough"));
      return await put(digest, data);
    };
    await expect(view.seal({ signal: aborting.signal })).rejects.toThrow("enough");
    expect(puts).toBeLessThan(200);
    blobs.put = put;
    expect(await view.seal()).toEqual(await imageOf(content));
  });

  test("more than is worth threads gives the image that is imported", async () => {
    const content = seeded(34).bytes(40 * 1024 * 1024 + 5000);
    content.fill(0, 3 * CHUNK_BYTES, 9 * CHUNK_BYTES);
    const view = await viewOf(await imageOf(Buffer.alloc(0)), { sizeBytes: content.length });
    await view.write(0, content);
    expect(await view.seal()).toEqual(await imageOf(content));
  });

  test("an unchanged view gives the image it was opened from", async () => {
    const image = await imageOf(seeded(31).bytes(3 * CHUNK_BYTES + 17 * 4));
    expect(await (await viewOf(image)).seal()).toEqual(image);
  });

  test("cuts and grows to any size, at any of which what was cut off does not come back", async () => {
    const random = seeded(32);
    const base = random.bytes(4 * CHUNK_BYTES);
    const image = await imageOf(base);
    for (let round = 0; round < 40; round++) {
      const shown = 1 + random.below(5 * CHUNK_BYTES);
      const sealed = 1 + random.below(6 * CHUNK_BYTES);
      const view = await viewOf(image, { sizeBytes: shown });
      const model = Buffer.alloc(sealed);
      base.copy(model, 0, 0, Math.min(shown, sealed));
      const got = await view.seal({ sizeBytes: sealed });
      expect(got).toEqual(await imageOf(model));
    }
  });
});

describe("a damaged chunk", () => {
  test("fails the reads that need it, and says which image is damaged", async () => {
    const base = seeded(40).bytes(3 * CHUNK_BYTES);
    const image = await imageOf(base);
    const digest = digestOf(await loadMap(blobs, image), 1)!;
    blobs.content.get(digest)![5]! ^= 1;
    const view = await viewOf(image);
    expect(view.fault()).toBeUndefined();
    await expect(view.read(CHUNK_BYTES - 10, 20)).rejects.toEqual(EIO);
    expect(
      (await view.read(2 * CHUNK_BYTES, 100)).equals(base.subarray(2 * CHUNK_BYTES).subarray(0, 100)),
    ).toBe(true);
    expect(view.fault()).toMatchObject({ code: "blob-corrupt", digest: image.digest });
    expect(view.fault()).toBeInstanceOf(ArtifactDamaged);
    await expect(view.write(CHUNK_BYTES + 1, Buffer.alloc(1))).rejects.toEqual(EIO);
  });

  test("does not matter where the whole of it was written anew, and fails a seal that needs it", async () => {
    const image = await imageOf(seeded(41).bytes(2 * CHUNK_BYTES));
    await blobs.remove(digestOf(await loadMap(blobs, image), 1)!);
    const whole = await viewOf(image);
    await whole.write(CHUNK_BYTES, Buffer.alloc(CHUNK_BYTES, 1));
    await whole.seal();
    const part = await viewOf(image);
    await part.write(CHUNK_BYTES, Buffer.alloc(4096, 1));
    await expect(part.seal()).rejects.toMatchObject({ code: "blob-missing", digest: image.digest });
  });

  test("is asked for again after a failure that passed", async () => {
    const base = seeded(42).bytes(CHUNK_BYTES);
    const image = await imageOf(base);
    let down = true;
    const flaky: BlobStore = {
      ...blobs,
      get: async (digest: Digest) => {
        if (down) throw Object.assign(new Error("connection reset"), { code: "ECONNRESET" });
        return await blobs.get(digest);
      },
    };
    const view = await openView({
      blobs: flaky,
      map: await loadMap(blobs, image),
      overlayPath: nextOverlay(),
    });
    open.push(view);
    await expect(view.read(0, 10)).rejects.toEqual(EIO);
    down = false;
    expect((await view.read(0, 10)).equals(base.subarray(0, 10))).toBe(true);
  });
});

async function randomOperation(random: Seeded, view: CowView, model: Buffer): Promise<void> {
  const aligned = random.below(3) === 0;
  const round = (bytes: number) => (aligned ? bytes - (bytes % 4096) : bytes);
  const offset = round(random.below(view.sizeBytes));
  const longest = Math.min(view.sizeBytes - offset, 3 * CHUNK_BYTES);
  const length = random.below(4) === 0 ? view.sizeBytes - offset : round(random.below(longest));
  const end = offset + length;
  const kind = random.below(8);
  if (kind < 3) {
    const data = random.bytes(length);
    data.copy(model, offset);
    await view.write(offset, data);
  } else if (kind < 6) {
    model.fill(0, offset, end);
    await (kind === 3 ? view.trim(offset, length) : view.writeZeroes(offset, length));
  } else if (kind === 6) {
    expect((await view.read(offset, length)).equals(model.subarray(offset, end))).toBe(true);
  } else {
    await view.flush();
  }
}

/** Data with holes of blocks and of chunks in it. */
function randomContent(random: Seeded, length: number): Buffer {
  const content = random.bytes(length);
  for (let hole = 0; hole < 6; hole++) {
    const offset = random.below(length);
    content.fill(0, offset, Math.min(length, offset + random.below(2 * CHUNK_BYTES)));
  }
  return content;
}

async function imageOf(content: Buffer): Promise<ImageArtifact> {
  const view = await openView({ blobs, map: emptyMap(content.length), overlayPath: nextOverlay() });
  await view.write(0, content);
  const image = await view.seal();
  await view.close();
  return image;
}

async function viewOf(
  image: ImageArtifact,
  options: { sizeBytes?: number; readOnly?: boolean; blobs?: BlobStore } = {},
): Promise<CowView> {
  const map = await loadMap(options.blobs ?? blobs, image);
  const view = await openView({ blobs, map, overlayPath: nextOverlay(), ...options });
  open.push(view);
  return view;
}

function nextOverlay(): string {
  return join(folder, `${++overlays}`);
}

function countingGets(blobs: BlobStore): { blobs: BlobStore; gets: number } {
  const counted = {
    gets: 0,
    blobs: {
      ...blobs,
      get: async (digest: Digest) => {
        counted.gets++;
        return await blobs.get(digest);
      },
    },
  };
  return counted;
}
