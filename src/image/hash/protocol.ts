/** What the hasher and its worker say to each other. The bytes are shared, not sent. */

export interface HashRequest {
  id: number;
  memory: SharedArrayBuffer;
  offset: number;
  length: number;
}

export interface HashAnswer {
  id: number;
  /** 32 bytes for each chunk, in one buffer: one thing to send, not sixteen. */
  digests: Uint8Array;
  /** Which chunks are zeros, by their places. */
  zeros: number[];
}
