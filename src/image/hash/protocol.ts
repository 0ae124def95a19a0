/** What the hasher and its worker say to each other. The bytes are shared, not sent. */
import type { FilePart } from "./file-part.ts";

export interface HashRequest {
  id: number;
  memory: SharedArrayBuffer;
  offset: number;
  length: number;
  /** What to fill the memory with first; the rest of it becomes zeros. Absent: it is filled. */
  from?: FilePart;
}

export type HashAnswer = HashedPiece | { id: number; error: unknown };

export interface HashedPiece {
  id: number;
  /** How much of the file's part there was. */
  filledBytes: number;
  /** 32 bytes for each chunk, in one buffer: one thing to send, not sixteen. */
  digests: Uint8Array;
  /** Which chunks are zeros, by their places. */
  zeros: number[];
}
