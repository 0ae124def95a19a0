import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";

/** Always the same ones; `node bench/nbd-fuzz.ts` holds others. */
test("no conversation, however malformed, harms the server or another client", async () => {
  expect(await fuzz({ conversations: 6500, seed: 1 })).toBeGreaterThan(100_000);
}, 60_000);
