/** The digests of a piece: some chunks that lie together. */
import { hash } from "node:crypto";
import { CHUNK_BYTES } from "../map.ts";

/** 16 chunks, 1 MiB: what is read, hashed and put at a time. */
export const PIECE_BYTES = 16 * CHUNK_BYTES;

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** `piece`: whole chunks. 32 bytes for each, null for zeros. */
export function hashPiece(piece: Buffer): (Buffer | null)[] {
  const digests: (Buffer | null)[] = [];
  for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
    const chunk = piece.subarray(at, at + CHUNK_BYTES);
    digests.push(chunk.equals(ZEROS) ? null : hash("sha256", chunk, "buffer"));
  }
  return digests;
}
