/** What the hasher and its worker say to each other. The bytes are shared, not sent. */

export interface HashRequest {
  id: number;
  memory: SharedArrayBuffer;
  offset: number;
  length: number;
}

export interface HashAnswer {
  id: number;
  /** As of `hashPiece`; a Buffer arrives as what it is made of. */
  digests: (Uint8Array | null)[];
}
