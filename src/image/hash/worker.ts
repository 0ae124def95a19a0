/** A thread that hashes pieces in memory it shares with who asks. */
import { parentPort } from "node:worker_threads";
import { hashPiece } from "./hash-piece.ts";
import type { HashAnswer, HashRequest } from "./protocol.ts";

parentPort!.on("message", ({ id, memory, offset, length }: HashRequest) => {
  const answer: HashAnswer = { id, digests: hashPiece(Buffer.from(memory, offset, length)) };
  parentPort!.postMessage(answer);
});
