/**
 * What the engine's process and the disk host say to each other over Node's IPC channel, as JSON. The host says
 * `ready` first; then every request is answered once, by its number, in any order.
 */
import type { Digest, FileArtifact, ImageArtifact, Json } from "../../engine/artifact.ts";
import type { ContentRange, DiskStats, MountOptions, OpenDiskOptions } from "../../engine/plugin/disk.ts";
import type { Acquisition } from "../../engine/run/journal.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import type { ErrorMessage } from "./error-message.ts";

/** Where the host gets its blob store from: a function that a module exports, and its arguments. */
export interface BlobsOrigin {
  /** URL of the module. */
  module: string;
  /** The exported function; it returns a `BlobStore`. */
  open: string;
  arguments: readonly Json[];
}

/** `disk` and `held` are numbers that the host gave out. */
export type HostRequest =
  | { op: "start"; run: string; process: ProcessIdentity; store: string; blobs: BlobsOrigin }
  | { op: "take"; node: string; acquisition: Acquisition }
  | { op: "released"; held: number }
  | { op: "open"; node: string; options: OpenDiskOptions }
  | { op: "read"; disk: number; offset: number; bytes: number }
  | { op: "digest"; disk: number; ranges: readonly ContentRange[] }
  | { op: "file"; disk: number }
  | { op: "device"; disk: number }
  | { op: "mount"; disk: number; options: MountOptions }
  | { op: "unmount"; disk: number }
  | { op: "seal"; disk: number; sizeBytes?: number }
  | { op: "stats"; disk: number }
  | { op: "fault"; disk: number }
  | { op: "close"; disk: number }
  | { op: "put-file"; path: string }
  | { op: "put-image"; path: string }
  /** Nobody waits any more for the answer to request `id`, which may stop what it does. */
  | { op: "cancel"; id: number }
  /** The run has ended: release what is left. The host ends after its answer. */
  | { op: "goodbye" };

export interface HostAnswers {
  start: { runFolder: string };
  take: { held: number };
  released: null;
  open: OpenedDiskInfo;
  /** In base64. */
  read: string;
  digest: Digest;
  file: string;
  device: string;
  mount: string;
  unmount: null;
  seal: Added<ImageArtifact>;
  stats: DiskStats;
  fault: ErrorMessage | null;
  close: null;
  "put-file": Added<FileArtifact>;
  "put-image": Added<ImageArtifact>;
  cancel: null;
  goodbye: { what: string; error: ErrorMessage }[];
}

/** An artifact that was stored, and by how many bytes the store has grown. */
export interface Added<A> {
  artifact: A;
  addedBytes: number;
}

export interface OpenedDiskInfo {
  disk: number;
  sizeBytes: number;
  socketPath: string;
  exportName: string;
  /** As in `Disk`. */
  keepsRead: boolean;
  port?: number;
}

/** From the engine's process. */
export interface NumberedRequest {
  id: number;
  request: HostRequest;
}

/** From the host. */
export type HostMessage =
  | { type: "ready" }
  | { type: "answer"; id: number; answer: HostAnswers[HostRequest["op"]] }
  | { type: "failed"; id: number; error: ErrorMessage }
  | { type: "log"; line: string };
