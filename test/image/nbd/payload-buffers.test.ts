import { expect, test } from "vitest";
import { PayloadBuffers } from "../../../src/image/nbd/payload-buffers.ts";

const MIB = 1024 * 1024;

test("what is given back is lent again, and what is lent is nobody else's", () => {
  const buffers = new PayloadBuffers();
  const first = buffers.take(100_000);
  const second = buffers.take(100_000);
  expect(first.buffer).not.toBe(second.buffer);
  buffers.give(first);
  const third = buffers.take(90_000);
  expect(third.buffer).toBe(first.buffer);
  expect(third).toHaveLength(90_000);
});

test("what is given back twice is lent once", () => {
  const buffers = new PayloadBuffers();
  const first = buffers.take(5000);
  buffers.give(first);
  buffers.give(first);
  expect(buffers.take(5000).buffer).not.toBe(buffers.take(5000).buffer);
});

test("memory that was not taken here is left alone", () => {
  const buffers = new PayloadBuffers();
  const foreign = Buffer.allocUnsafeSlow(8192);
  buffers.give(foreign);
  expect(buffers.take(8000).buffer).not.toBe(foreign.buffer);
});

test.each([0, 1, 4095, 4096, 4124, 8192, 8193, 65536 + 28, MIB, MIB + 4096, 32 * MIB])(
  "%i bytes are as many",
  (length) => {
    expect(new PayloadBuffers().take(length)).toHaveLength(length);
  },
);

test("what nobody has is bounded, and the sizes in use are kept", () => {
  const buffers = new PayloadBuffers();
  const large = Array.from({ length: 100 }, () => buffers.take(MIB));
  for (const buffer of large) buffers.give(buffer);
  const small = buffers.take(4096);
  buffers.give(small);
  expect(buffers.take(4096).buffer).toBe(small.buffer);
  const again = Array.from({ length: 100 }, () => buffers.take(MIB));
  const kept = again.filter(({ buffer }) => large.some((known) => known.buffer === buffer));
  expect(kept.length).toBeGreaterThan(10);
  expect(kept.length).toBeLessThan(33);
});
