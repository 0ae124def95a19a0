/** A thread that hashes pieces in memory it shares with who asks, reading them into it where they are a file's. */
import { parentPort } from "node:worker_threads";
import { DIGEST_BYTES } from "../map.ts";
import { fillHere } from "./file-part.ts";
import { hashPiece } from "./hash-piece.ts";
import type { HashAnswer, HashRequest } from "./protocol.ts";

parentPort!.on("message", (request: HashRequest) => {
  parentPort!.postMessage(answerTo(request));
});

function answerTo({ id, memory, offset, length, from }: HashRequest): HashAnswer {
  const piece = Buffer.from(memory, offset, length);
  try {
    const filledBytes = from ? fillHere(piece, from) : length;
    const found = hashPiece(piece);
    const digests = new Uint8Array(found.length * DIGEST_BYTES);
    const zeros: number[] = [];
    for (const [place, digest] of found.entries()) {
      if (digest) digests.set(digest, place * DIGEST_BYTES);
      else zeros.push(place);
    }
    return { id, filledBytes, digests, zeros };
  } catch (error) {
    return { id, error };
  }
}
