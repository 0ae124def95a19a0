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
        [0, 252],
        [504, 510],
        [755, 757],
        [1007, 1008],
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
    expect(known.size).toBe(Math.ceil(9000 / 252));
    expect(encodeMap(after).segments.filter(({ digest }) => !known.has(digest))).toHaveLength(1);
  });

  test("has a segment once that it has at two places", async () => {
    const same = digests.slice(0, 252);
    const at = (first: number) => same.map((digest, index) => [first + index, digest] as const);
    const map = withChanges(emptyMap(0), new Map([...at(0), ...at(504)]), sizeBytes);
    const blobs = memoryBlobs();
    const image = await storeMap(blobs, map);
    expect(await imageParts(blobs, image)).toHaveLength(253);
    expect(await loadMap(blobs, image)).toEqual(map);
  });

  test("takes no more than two blocks of 4 KiB for a full segment", () => {
    const full = encodeMap(withChanges(emptyMap(0), chunksOf([[0, 252]]), sizeBytes)).segments[0]!;
    expect(full.bytes.length).toBeGreaterThan(4096);
    expect(full.bytes.length).toBeLessThanOrEqual(8192);
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

describe("a map of several levels of segments", () => {
  const GIB = 2 ** 30;
  /** On both sides of where a segment of each level ends, and the last of the image. */
  const places = (chunks: number) =>
    [0, 251, 252, 252 ** 2 - 1, 252 ** 2, 252 ** 3 - 1, 252 ** 3, chunks - 1].filter((at) => at < chunks);

  test.for([
    ["fits into one level", 252 ** 2, 3],
    ["needs two for one chunk more", 252 ** 2 + 1, 4 + 2],
    ["fits into two", 252 ** 3, 5 + 3],
    ["needs three", 252 ** 3 + 1, 6 + 4 + 2],
    ["is the largest there can be", 0xffff_ffff, 7 + 5 + 3 + 2],
  ] as const)("comes back when it %s", async ([, chunks, segments]) => {
    const at = places(chunks);
    const changes = new Map(at.map((index) => [index, seeded(index % 9999).bytes(32)]));
    const map = withChanges(emptyMap(0), changes, chunks * CHUNK_BYTES);
    const encoded = encodeMap(map);
    expect(encoded.segments).toHaveLength(segments);
    expect(encoded.root.length).toBeLessThan(4096);
    const decoded = await reread(encoded);
    expect(decoded).toEqual(map);
    expect([...presentChunks(decoded)]).toEqual([...new Set(at)]);
  });

  test("stores one segment of each level for a change in 10 GiB, and a small root", () => {
    const chunks = (10 * GIB) / CHUNK_BYTES;
    const digest = seeded(1).bytes(32);
    const content = new Map(Array.from({ length: chunks }, (_, index) => [index, digest]));
    const before = withChanges(emptyMap(0), content, 10 * GIB);
    const after = withChanges(before, new Map([[100_000, seeded(2).bytes(32)]]), 10 * GIB);
    const known = new Set(encodeMap(before).segments.map((segment) => segment.digest));
    const { root, segments } = encodeMap(after);
    expect(segments.filter((segment) => !known.has(segment.digest))).toHaveLength(2);
    expect(root.length).toBeLessThanOrEqual(4096);
  });

  test("shares its segments with what it was grown from", () => {
    const content = new Map(Array.from({ length: 1000 }, (_, index) => [index, seeded(index).bytes(32)]));
    const before = withChanges(emptyMap(0), content, GIB);
    const after = withChanges(before, new Map(), 10 * GIB);
    const known = new Set(encodeMap(before).segments.map((segment) => segment.digest));
    expect(encodeMap(after).segments.filter((segment) => !known.has(segment.digest))).toHaveLength(1);
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
    "another version": (bytes) => patched(bytes, 8, 4),
    "another chunk size": (bytes) => patched(bytes, 12, 4096),
    "a huge image": (bytes) => patched(bytes, 16, 0xffff_ffff),
    "other segments": (bytes) => patched(bytes, 24, 2048),
    "half a header": (bytes) => bytes.subarray(0, 34),
    "a chunk past the end": (bytes) => patched(bytes, 20, 3 * CHUNK_BYTES),
    "a segment past the end": (bytes) => patched(bytes, 36, 1),
  };
  test.each(Object.keys(cases))("%s", async (name) => {
    await expect(reread({ root: cases[name]!(good), segments })).rejects.toMatchObject({ code: "bad-map" });
  });

  // Of the segments 0, 1 and 3: runs (0, 2) and (3, 1), then three digests.
  const chunks = new Map([0, 252, 756].map((index) => [index, seeded(index + 1).bytes(32)]));
  const several = encodeMap(withChanges(emptyMap(0), chunks, 1008 * CHUNK_BYTES));
  test.each(listCases(36, 44, 28, 32))("%s in its list", async (_, change) => {
    const damaged = reread({ root: change(several.root), segments: several.segments });
    await expect(damaged).rejects.toMatchObject({ code: "bad-map" });
  });

  test("nothing that it should read, and random damage only ever as a bad map or a missing segment", async () => {
    expect(await reread({ root: good, segments })).toEqual(small);
    const random = seeded(5);
    for (let round = 0; round < 2000; round++) {
      const root = Buffer.from(good);
      root[random.below(44)] = random.below(256);
      try {
        expect(encodeMap(await reread({ root, segments })).root.equals(root)).toBe(true);
      } catch (error) {
        expect(["bad-map", "blob-missing"]).toContain((error as { code: string }).code);
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
    createHash("sha256").update(bytes).digest().copy(pointing, 44);
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

describe("a map of version 2", () => {
  const chunks = [0, 2047, 2048, 4096 + 7];
  const bytes = chunks.map((index) => seeded(index + 1).bytes(32));
  const sizeBytes = 5000 * CHUNK_BYTES;
  const segments = [
    segmentOf([0, 1, 2047, 1], bytes.slice(0, 2)),
    segmentOf([0, 1], bytes.slice(2, 3)),
    segmentOf([7, 1], bytes.slice(3)),
  ].map((segment) => ({ digest: digestOfBytes(segment), bytes: segment }));
  const root = Buffer.alloc(32 + 3 * 36);
  root.write("tplchmap", "latin1");
  for (const [place, value] of [2, CHUNK_BYTES, 0, sizeBytes, 2048, 3].entries())
    root.writeUInt32BE(value, 8 + 4 * place);
  for (const [index, { digest }] of segments.entries()) {
    root.writeUInt32BE(index, 32 + 36 * index);
    root.write(digest.slice("sha256:".length), 36 + 36 * index, "hex");
  }

  test("is read", async () => {
    const changes = new Map(chunks.map((index, place) => [index, bytes[place]!]));
    const decoded = await decodeMap(root, sourceOf(segments));
    expect(decoded.map).toEqual(withChanges(emptyMap(0), changes, sizeBytes));
    expect(decoded.segments).toEqual(segments.map(({ digest }) => digest));
  });

  test.for([
    ["other segments", () => patched(root, 24, 1024)],
    ["a missing byte", () => root.subarray(0, root.length - 1)],
    ["a byte too many", () => Buffer.concat([root, Buffer.alloc(1)])],
    ["more segments than it has", () => patched(root, 28, 0xffff_ffff)],
    ["a chunk past the end", () => patched(root, 20, 4103 * CHUNK_BYTES)],
    ["a segment past the end", () => patched(root, 32 + 72, 3)],
    ["a segment twice", () => patched(root, 32 + 36, 0)],
  ] as const)("is refused with %s", async ([, damaged]) => {
    await expect(reread({ root: damaged(), segments })).rejects.toMatchObject({ code: "bad-map" });
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
    ["another version", (bytes) => patched(bytes, 8, 9)],
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
  return (await decodeMap(root, sourceOf(segments))).map;
}

function sourceOf(segments: EncodedMap["segments"]): (digest: Digest) => Promise<Buffer> {
  const known = new Map(segments.map(({ digest, bytes }) => [digest, bytes]));
  return async (digest) => {
    const bytes = known.get(digest);
    if (!bytes) throw Object.assign(new Error("no such segment"), { code: "blob-missing" });
    return bytes;
  };
}

/** `runs`: of each, its first chunk and how many. */
function segmentOf(runs: readonly number[], digests: readonly Buffer[]): Buffer {
  const numbers = [1, runs.length / 2, digests.length, ...runs];
  const head = Buffer.alloc(8 + 4 * numbers.length);
  head.write("tplchseg", "latin1");
  for (const [place, value] of numbers.entries()) head.writeUInt32BE(value, 8 + 4 * place);
  return Buffer.concat([head, ...digests]);
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
