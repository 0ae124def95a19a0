import { expect, test } from "vitest";
import { FastCalls } from "../../src/engine/fast-calls.ts";

const CHUNK = 65536;

/** Makes `count` calls that each take `ms` where they are expected to be fast; returns how many were. */
function make(calls: FastCalls, count: number, ms: number, bytes = CHUNK): number {
  let here = 0;
  for (let call = 0; call < count; call++) {
    if (!calls.expectFast(bytes)) continue;
    here++;
    calls.took(ms, bytes);
  }
  return here;
}

test("calls stay here while they are fast, and where one of them is slow now and then", () => {
  const calls = new FastCalls();
  for (let round = 0; round < 50; round++) {
    expect(make(calls, 20, 0.02)).toBe(20);
    expect(make(calls, 1, 5)).toBe(1);
  }
});

test("some slow calls one after the other send the next ones elsewhere, more of them each time", () => {
  const calls = new FastCalls();
  expect(make(calls, 1000, 10)).toBeLessThan(15);
  expect(make(calls, 100_000, 10)).toBeLessThan(50);
});

test("calls come back when the next try is fast", () => {
  const calls = new FastCalls();
  make(calls, 1000, 10);
  make(calls, 5000, 0.02);
  expect(make(calls, 100, 0.02)).toBe(100);
});

test("a long call may take longer, and a very long one is never made here", () => {
  expect(make(new FastCalls(), 100, 0.3, 16 * CHUNK)).toBe(100);
  expect(make(new FastCalls(), 100, 0.01, 17 * CHUNK)).toBe(0);
});
