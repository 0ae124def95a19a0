import fc from "fast-check";
import { expect, it } from "vitest";
import { pieces } from "../../../src/plugins/ext4/read-ahead.ts";
import type { ByteRange } from "../../../src/plugins/ext4/tree/metadata.ts";

const KIB = 1024;
const CHUNK = 64 * KIB;
const END = 64 * 1024 * KIB;

const ranges = fc.array(fc.record({ offset: fc.nat(END), length: fc.integer({ min: 1, max: 300 * KIB }) }), {
  maxLength: 60,
});

function chunksOf(all: Iterable<ByteRange>): Set<number> {
  const chunks = new Set<number>();
  for (const { offset, length } of all)
    for (let chunk = Math.floor(offset / CHUNK); chunk * CHUNK < offset + length; chunk++) chunks.add(chunk);
  return chunks;
}

it("joins what is near, ascending", () => {
  const found = pieces(
    [
      { offset: 200 * KIB, length: 4 * KIB },
      { offset: 8 * KIB, length: 4 * KIB },
      { offset: 70 * KIB, length: 4 * KIB },
    ],
    END,
  );
  expect([...found]).toEqual([
    { offset: 8 * KIB, length: 66 * KIB },
    { offset: 200 * KIB, length: 4 * KIB },
  ]);
});

it("reads all that lies on the disk, and from no chunk that nothing lies in", () => {
  fc.assert(
    fc.property(ranges, (given) => {
      const onDisk = given.filter(({ offset, length }) => offset + length <= END);
      const read = [...pieces(given, END)];
      for (const { offset, length } of onDisk)
        expect(read.some((one) => one.offset <= offset && offset + length <= one.offset + one.length)).toBe(
          true,
        );
      expect([...chunksOf(read)].sort()).toEqual([...chunksOf(onDisk)].sort());
    }),
  );
});
