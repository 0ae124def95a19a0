/**
 * Malformed and reordered frames against the NBD server, 100,000 or as many as are asked for:
 * `node bench/nbd-fuzz.ts [FRAMES] [SEED]`. Fails with the shortest conversation that crashes it, hangs or disturbs
 * another client, or when memory keeps growing. A few run with the fast tests.
 */
import { fuzz } from "../test/image/nbd/fuzz.ts";

const MIB = 1024 * 1024;
/** Garbage that is not collected yet, and no more. */
const MAX_GROWTH_BYTES = 96 * MIB;
const CONVERSATIONS_A_ROUND = 1000;

const wanted = Number(process.argv[2] ?? 100_000);
const firstSeed = Number(process.argv[3] ?? Date.now() % 2 ** 31);

let frames = 0;
let settledBytes: number | undefined;
for (let seed = firstSeed; frames < wanted; seed++) {
  frames += await fuzz({ conversations: CONVERSATIONS_A_ROUND, seed });
  const bytes = process.memoryUsage().rss;
  console.log(`seed ${seed}: ${frames} frames, ${Math.round(bytes / MIB)} MiB`);
  settledBytes ??= bytes;
  if (bytes - settledBytes > MAX_GROWTH_BYTES) throw new Error("memory keeps growing");
}
