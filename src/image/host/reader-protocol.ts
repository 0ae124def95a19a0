/** What the disk host and its reader threads ask of each other. */
import type { Digest, ImageArtifact } from "../../engine/artifact.ts";
import type { ErrorMessage } from "./error-message.ts";
import type { BlobsOrigin } from "./protocol.ts";
import type { SocketRing } from "./socket-ring.ts";
import type { Call } from "./thread-calls.ts";

/** What a thread is started with. */
export interface ReaderThreadData {
  /** Its own place in the ring. */
  place: number;
  ring: SocketRing;
  blobs: BlobsOrigin;
}

export interface SharedImage {
  /** Of the export. */
  name: string;
  image: ImageArtifact;
  /** Of the disk. */
  sizeBytes: number;
}

/** What came of the reads of one export so far. */
export interface Reads {
  /** From the store. */
  readBytes: number;
  /** Why the first one that failed did. */
  fault?: ErrorMessage;
}

/** Asked of a thread. */
export type ReaderCalls = {
  listen: Call<null, void>;
  add: Call<SharedImage, void>;
  /** Takes no more requests for the export, and disconnects its clients. */
  remove: Call<string, Reads>;
  reads: Call<string, Reads>;
  /** Closes its store, which remembers what was verified. Nothing is asked of it any more. */
  end: Call<null, void>;
};

/** Asked of the disk host. */
export type HostCalls = {
  /** A blob that the thread does not read where it lies: it may have to be fetched, and is kept for all of them then. */
  blob: Call<Digest, Uint8Array>;
  log: Call<string, void>;
};
