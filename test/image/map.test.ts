import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  anyPresent,
  CHUNK_BYTES,
  type ChunkMap,
  chunkDigests,
  digestOf,
  emptyMap,
  presentChunks,
  withChanges,
} from "../../src/image/map.ts";
import { decodeMap, encodeMap } from "../../src/image/map-format.ts";
import { loadMap, mapDigest, storeMap } from "../../src/image/stored-map.ts";
import { memoryBlobs } from "../../src/store/blobs/memory.ts";
import { type Seeded, seeded } from "./seeded.ts";

const ZERO_DIGEST = createHash("sha256").update(Buffer.alloc(CHUNK_BYTES)).digest();

describe("a chunk map", () => {
  test("has the same bytes whatever the order of the changes that led to its content", () => {
    const random = seeded(1);
    for (let round = 0; round < 50; round++) {
      const chunks = 1 + random.below(60);
      const content = randomContent(random, chunks);
      const sizeBytes = chunks * CHUNK_BYTES - random.below(CHUNK_BYTES);
      const atOnce = withChanges(emptyMap(sizeBytes), content, sizeBytes);

      let stepwise: ChunkMap = emptyMap(random.below(100) * CHUNK_BYTES);
      for (let step = 0; step < 10; step++) {
        const other = 1 + random.below(80);
        stepwise = withChanges(stepwise, randomContent(random, other), other * CHUNK_BYTES);
      }
      const everything = new Map<number, Buffer | null>();
      for (let index = chunks - 1; index >= 0; index--) everything.set(index, content.get(index) ?? null);
      stepwise = withChanges(stepwise, everything, sizeBytes);

      expect(encodeMap(stepwise).equals(encodeMap(atOnce))).toBe(true);
      expect(mapDigest(stepwise)).toBe(mapDigest(atOnce));
    }
  });

  test("answers like a plain table, after encoding and decoding too", () => {
    const random = seeded(2);
    const table = new Map<number, Buffer>();
    let map = emptyMap(0);
    for (let step = 0; step < 200; step++) {
      const chunks = 1 + random.below(100);
      const changes = randomContent(random, chunks);
      map = withChanges(map, changes, chunks * CHUNK_BYTES);
      for (const [index, digest] of changes) {
        if (digest) table.set(index, digest);
        else table.delete(index);
      }
      for (const index of table.keys()) if (index >= chunks) table.delete(index);

      const decoded = decodeMap(encodeMap(map));
      expect([...presentChunks(decoded)]).toEqual([...table.keys()].sort((a, b) => a - b));
      for (let index = 0; index < chunks; index++) {
        expect(digestOf(decoded, index)).toBe(
          table.has(index) ? `sha256:${table.get(index)!.toString("hex")}` : undefined,
        );
      }
      const from = random.below(chunks);
      const to = from + 1 + random.below(chunks);
      expect(anyPresent(decoded, from, to)).toBe([...table.keys()].some((key) => key >= from && key < to));
    }
  });

  test("never lists a chunk of zeros", () => {
    const map = withChanges(emptyMap(CHUNK_BYTES), new Map([[0, ZERO_DIGEST]]), CHUNK_BYTES);
    expect(mapDigest(map)).toBe(mapDigest(emptyMap(CHUNK_BYTES)));
  });

  test("is another image at another size", () => {
    expect(mapDigest(emptyMap(1))).not.toBe(mapDigest(emptyMap(2)));
  });

  test("names each digest once", () => {
    const digest = seeded(3).bytes(32);
    const map = withChanges(emptyMap(0), new Map([0, 1, 5].map((index) => [index, digest])), 6 * CHUNK_BYTES);
    expect(chunkDigests(map)).toEqual([`sha256:${digest.toString("hex")}`]);
  });

  test("goes into the store and comes back", async () => {
    const blobs = memoryBlobs();
    const map = withChanges(emptyMap(0), randomContent(seeded(4), 30), 30 * CHUNK_BYTES);
    const image = await storeMap(blobs, map);
    expect(image).toEqual({ type: "image", digest: mapDigest(map), bytes: 30 * CHUNK_BYTES });
    expect(encodeMap(await loadMap(blobs, image)).equals(encodeMap(map))).toBe(true);
    await expect(loadMap(blobs, { ...image, bytes: 1 })).rejects.toMatchObject({ code: "bad-map" });
    await blobs.remove(image.digest);
    await expect(loadMap(blobs, image)).rejects.toMatchObject({ code: "blob-missing", digest: image.digest });
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 50])("refuses a size of %s bytes", (sizeBytes) => {
    expect(() => emptyMap(sizeBytes)).toThrow(expect.objectContaining({ code: "bad-image-size" }));
  });
});

describe("decodeMap refuses", () => {
  const good = encodeMap(
    withChanges(
      emptyMap(0),
      new Map([0, 1, 3].map((index) => [index, seeded(index + 1).bytes(32)])),
      4 * CHUNK_BYTES,
    ),
  );
  /** The header, then runs (0, 2) and (3, 1), then three digests. */
  const firstRun = 32;
  const secondRun = 40;
  const cases: Record<string, (bytes: Buffer) => Buffer> = {
    "an empty file": () => Buffer.alloc(0),
    "another magic": (bytes) => patched(bytes, 0, 0),
    "another version": (bytes) => patched(bytes, 8, 2),
    "another chunk size": (bytes) => patched(bytes, 12, 4096),
    "a huge image": (bytes) => patched(bytes, 16, 0xffff_ffff),
    "a missing byte": (bytes) => bytes.subarray(0, bytes.length - 1),
    "a byte too many": (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]),
    "more runs than it has": (bytes) => patched(bytes, 24, 0xffff_ffff),
    "fewer present chunks than its runs": (bytes) => patched(bytes.subarray(0, bytes.length - 32), 28, 2),
    "an empty run": (bytes) => patched(bytes, firstRun + 4, 0),
    "adjacent runs": (bytes) => patched(bytes, secondRun, 2),
    "runs out of order": (bytes) => patched(bytes, firstRun, 7),
    "a chunk past the end": (bytes) => patched(bytes, 20, 3 * CHUNK_BYTES),
    "a run past 32 bits": (bytes) => patched(bytes, secondRun + 4, 0xffff_ffff),
    "a chunk of zeros": (bytes) => {
      const copy = Buffer.from(bytes);
      ZERO_DIGEST.copy(copy, copy.length - 32);
      return copy;
    },
  };
  test.each(Object.keys(cases))("%s", (name) => {
    expect(() => decodeMap(cases[name]!(good))).toThrow(expect.objectContaining({ code: "bad-map" }));
  });

  test("nothing that it should read, and random damage only ever as a bad map", () => {
    expect(encodeMap(decodeMap(good)).equals(good)).toBe(true);
    const random = seeded(5);
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(good);
      bytes[random.below(48)] = random.below(256);
      try {
        expect(encodeMap(decodeMap(bytes)).equals(bytes)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: "bad-map" });
      }
    }
  });
});

/** About a third each: a new digest, zeros, not mentioned. */
function randomContent(random: Seeded, chunks: number): Map<number, Buffer | null> {
  const content = new Map<number, Buffer | null>();
  for (let index = 0; index < chunks; index++) {
    const kind = random.below(3);
    if (kind === 0) content.set(index, random.bytes(32));
    if (kind === 1) content.set(index, null);
  }
  return content;
}

function patched(bytes: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(value, offset);
  return copy;
}
