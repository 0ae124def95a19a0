/** A thread that hashes pieces in memory it shares with who asks. */
import { parentPort } from "node:worker_threads";
import { DIGEST_BYTES } from "../map.ts";
import { hashPiece } from "./hash-piece.ts";
import type { HashAnswer, HashRequest } from "./protocol.ts";

parentPort!.on("message", ({ id, memory, offset, length }: HashRequest) => {
  const found = hashPiece(Buffer.from(memory, offset, length));
  const digests = new Uint8Array(found.length * DIGEST_BYTES);
  const zeros: number[] = [];
  for (const [place, digest] of found.entries()) {
    if (digest) digests.set(digest, place * DIGEST_BYTES);
    else zeros.push(place);
  }
  parentPort!.postMessage({ id, digests, zeros } satisfies HashAnswer);
});
