import { expect, it, vi } from "vitest";
import { Scope } from "../../../src/engine/run/scope.ts";

it("runs hooks last in, first out, all of them, and returns what failed", async () => {
  const scope = new Scope("disk");
  const log: string[] = [];
  scope.defer("first", async () => void log.push("first"));
  scope.defer("second", async () => {
    throw new Error("busy");
  });
  scope.defer("third", async () => void log.push("third"));
  const failures = await scope.close();
  expect(log).toEqual(["third", "first"]);
  expect(failures.map(({ node, hook }) => [node, hook])).toEqual([["disk", "second"]]);
  expect(scope.released).toBe(2);
});

it("abandons a hook that hangs at its own deadline, tells it so, and goes on", async () => {
  vi.useFakeTimers();
  const scope = new Scope("disk");
  let told = false;
  let after = false;
  scope.defer("after", async () => {
    after = true;
  });
  scope.defer(
    "hangs",
    (signal) => {
      signal.addEventListener("abort", () => {
        told = true;
      });
      return new Promise(() => undefined);
    },
    { deadlineMs: 50 },
  );
  const closing = scope.close();
  await vi.advanceTimersByTimeAsync(50);
  vi.useRealTimers();
  const failures = await closing;
  expect(failures[0]!.error).toMatchObject({ code: "cleanup-timeout" });
  expect([told, after]).toEqual([true, true]);
});

it("closes once", async () => {
  const scope = new Scope("disk");
  let times = 0;
  scope.defer("count", async () => void times++);
  await Promise.all([scope.close(), scope.close()]);
  expect(times).toBe(1);
});
