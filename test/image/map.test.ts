import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Digest } from "../../src/engine/artifact.ts";
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
import { decodeMap, type EncodedMap, encodeMap } from "../../src/image/map-format.ts";
import { imageParts, loadMap, mapDigest, storeMap } from "../../src/image/stored-map.ts";
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

      expect(encodeMap(stepwise)).toEqual(encodeMap(atOnce));
      expect(mapDigest(stepwise)).toBe(mapDigest(atOnce));
    }
  });

  test("answers like a plain table, after encoding and decoding too", async () => {
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

      const decoded = await reread(encodeMap(map));
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
    expect(await loadMap(blobs, image)).toEqual(map);
    expect(await imageParts(blobs, image)).toEqual([
      encodeMap(map).segments[0]!.digest,
      ...chunkDigests(map),
    ]);
    await expect(loadMap(blobs, { ...image, bytes: 1 })).rejects.toMatchObject({ code: "bad-map" });
    await blobs.remove(image.digest);
    await expect(loadMap(blobs, image)).rejects.toMatchObject({ code: "blob-missing", digest: image.digest });
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 50])("refuses a size of %s bytes", (sizeBytes) => {
    expect(() => emptyMap(sizeBytes)).toThrow(expect.objectContaining({ code: "bad-image-size" }));
  });
});

describe("a map of several segments", () => {
  const digests = Array.from({ length: 9000 }, (_, index) => seeded(index + 1).bytes(32));
  const chunksOf = (ranges: readonly (readonly [from: number, end: number])[]) =>
    new Map(
      ranges.flatMap(([from, end]) =>
        digests.slice(from, end).map((digest, at) => [from + at, digest] as const),
      ),
    );
  const sizeBytes = 9000 * CHUNK_BYTES;

  test.for([
    ["one run over all of them", [[0, 9000]]],
    [
      "runs that end and begin at their borders",
      [
        [0, 2048],
        [4096, 4100],
        [6143, 6145],
      ],
    ],
    ["one chunk in the last", [[8999, 9000]]],
    ["none", []],
  ] as [string, [number, number][]][])("comes back with %s", async ([, ranges]) => {
    const map = withChanges(emptyMap(0), chunksOf(ranges), sizeBytes);
    expect(await reread(encodeMap(map))).toEqual(map);
  });

  test("stores one segment for a change of one chunk", async () => {
    const before = withChanges(emptyMap(0), chunksOf([[0, 9000]]), sizeBytes);
    const after = withChanges(before, new Map([[5000, seeded(77).bytes(32)]]), sizeBytes);
    const known = new Set(encodeMap(before).segments.map(({ digest }) => digest));
    expect(known.size).toBe(5);
    expect(encodeMap(after).segments.filter(({ digest }) => !known.has(digest))).toHaveLength(1);
  });

  test("has a segment once that it has at two places", async () => {
    const same = digests.slice(0, 2048);
    const at = (first: number) => same.map((digest, index) => [first + index, digest] as const);
    const map = withChanges(emptyMap(0), new Map([...at(0), ...at(4096)]), sizeBytes);
    const blobs = memoryBlobs();
    const image = await storeMap(blobs, map);
    expect(await imageParts(blobs, image)).toHaveLength(2049);
    expect(await loadMap(blobs, image)).toEqual(map);
  });

  test("is damaged where a segment is missing or is not its digest's", async () => {
    const blobs = memoryBlobs();
    const map = withChanges(emptyMap(0), chunksOf([[0, 3000]]), sizeBytes);
    const image = await storeMap(blobs, map);
    const [first, second] = encodeMap(map).segments;
    await blobs.remove(first!.digest);
    const damaged = { digest: image.digest };
    await expect(loadMap(blobs, image)).rejects.toMatchObject({ code: "blob-missing", ...damaged });
    await blobs.put(first!.digest, first!.bytes);
    blobs.content.get(second!.digest)![30]! ^= 1;
    await expect(loadMap(blobs, image)).rejects.toMatchObject({ code: "blob-corrupt", ...damaged });
  });
});

/** Chunks 0, 1 and 3 of 4. */
const small = withChanges(
  emptyMap(0),
  new Map([0, 1, 3].map((index) => [index, seeded(index + 1).bytes(32)])),
  4 * CHUNK_BYTES,
);

describe("decodeMap refuses a root with", () => {
  const { root: good, segments } = encodeMap(small);
  const cases: Record<string, (bytes: Buffer) => Buffer> = {
    "no bytes": () => Buffer.alloc(0),
    "another magic": (bytes) => patched(bytes, 0, 0),
    "another version": (bytes) => patched(bytes, 8, 3),
    "another chunk size": (bytes) => patched(bytes, 12, 4096),
    "a huge image": (bytes) => patched(bytes, 16, 0xffff_ffff),
    "other segments": (bytes) => patched(bytes, 24, 1024),
    "a missing byte": (bytes) => bytes.subarray(0, bytes.length - 1),
    "a byte too many": (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]),
    "more segments than it has": (bytes) => patched(bytes, 28, 0xffff_ffff),
    "a chunk past the end": (bytes) => patched(bytes, 20, 3 * CHUNK_BYTES),
    "a segment past the end": (bytes) => patched(bytes, 32, 1),
    "a segment twice": (bytes) => patched(Buffer.concat([bytes, bytes.subarray(32)]), 28, 2),
  };
  test.each(Object.keys(cases))("%s", async (name) => {
    await expect(reread({ root: cases[name]!(good), segments })).rejects.toMatchObject({ code: "bad-map" });
  });

  test("nothing that it should read, and random damage only ever as a bad map", async () => {
    expect(await reread({ root: good, segments })).toEqual(small);
    const random = seeded(5);
    for (let round = 0; round < 2000; round++) {
      const root = Buffer.from(good);
      root[random.below(36)] = random.below(256);
      try {
        expect(encodeMap(await reread({ root, segments })).root.equals(root)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: "bad-map" });
      }
    }
  });
});

describe("decodeMap refuses a segment with", () => {
  const { root, segments } = encodeMap(small);
  /** The header, then runs (0, 2) and (3, 1), then three digests. */
  const good = segments[0]!.bytes;
  const firstRun = 20;
  const secondRun = 28;
  test.each(listCases(firstRun, secondRun, 12, 16))("%s", async (_, change) => {
    const bytes = change(good);
    const pointing = Buffer.from(root);
    createHash("sha256").update(bytes).digest().copy(pointing, 36);
    const named = { digest: digestOfBytes(bytes), bytes };
    await expect(reread({ root: pointing, segments: [named] })).rejects.toMatchObject({ code: "bad-map" });
  });
});

describe("a map of version 1", () => {
  /** The header, then runs (0, 2) and (3, 1), then three digests. */
  const good = Buffer.alloc(48 + 96);
  good.write("tplchmap", "latin1");
  for (const [place, value] of [1, CHUNK_BYTES, 0, 4 * CHUNK_BYTES, 2, 3, 0, 2, 3, 1].entries())
    good.writeUInt32BE(value, 8 + 4 * place);
  small.digests.copy(good, 48);

  test("is read", async () => {
    expect(await reread({ root: good, segments: [] })).toEqual(small);
  });

  test.each(listCases(32, 40, 24, 28))("is refused with %s", async (_, change) => {
    const damaged = reread({ root: change(good), segments: [] });
    await expect(damaged).rejects.toMatchObject({ code: "bad-map" });
  });
});

/** What is wrong with runs and digests, by where the runs and their counts stand. */
function listCases(
  firstRun: number,
  secondRun: number,
  runCount: number,
  present: number,
): [string, (bytes: Buffer) => Buffer][] {
  return [
    ["another magic", (bytes) => patched(bytes, 0, 0)],
    ["another version", (bytes) => patched(bytes, 8, 3)],
    ["a missing byte", (bytes) => bytes.subarray(0, bytes.length - 1)],
    ["a byte too many", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ["more runs than it has", (bytes) => patched(bytes, runCount, 0xffff_ffff)],
    [
      "fewer present chunks than its runs",
      (bytes) => patched(bytes.subarray(0, bytes.length - 32), present, 2),
    ],
    ["an empty run", (bytes) => patched(bytes, firstRun + 4, 0)],
    ["adjacent runs", (bytes) => patched(bytes, secondRun, 2)],
    ["runs out of order", (bytes) => patched(bytes, firstRun, 7)],
    ["a run past its end", (bytes) => patched(bytes, secondRun, 4)],
    ["a run past 32 bits", (bytes) => patched(bytes, secondRun + 4, 0xffff_ffff)],
    [
      "a chunk of zeros",
      (bytes) => {
        const copy = Buffer.from(bytes);
        ZERO_DIGEST.copy(copy, copy.length - 32);
        return copy;
      },
    ],
  ];
}

async function reread({ root, segments }: EncodedMap): Promise<ChunkMap> {
  const decoded = await decodeMap(
    root,
    async (digest) => segments.find((segment) => segment.digest === digest)!.bytes,
  );
  return decoded.map;
}

function digestOfBytes(bytes: Buffer): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

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
