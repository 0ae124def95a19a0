import { expect, it } from "vitest";
import { attachWays } from "../../../src/image/attach/ways.ts";

it("says of each way that it works, or why not and what to do", async () => {
  const ways = await attachWays();
  expect(Object.keys(ways)).toEqual(["kernelNbd", "nbdfuse", "loop", "mount"]);
  for (const way of Object.values(ways)) {
    if (!way.ok) expect(way).toEqual({ ok: false, why: expect.any(String), hint: expect.any(String) });
  }
});
