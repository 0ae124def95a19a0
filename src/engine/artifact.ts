/**
 * Artifacts: durable, immutable, content-addressed values. What a step makes, what a record names, what can
 * be sent to another machine. A resource (a mounted tree, a device) is not one: see `plugin/port.ts`.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;

/** A block device's content. `digest` is the sha256 of its chunk map (`image/map.ts`), which follows from the content alone. */
export interface ImageArtifact {
  type: "image";
  digest: Digest;
  /** The size of the device, holes included. */
  bytes: number;
}

/** A paused machine: memory, device state, disk and configuration. `digest` is that of its manifest (`vm/snapshot.ts`). */
export interface SnapshotArtifact {
  type: "snapshot";
  digest: Digest;
  /** Memory and disk, holes included. */
  bytes: number;
}

/** A file's content: one blob. */
export interface FileArtifact {
  type: "file";
  digest: Digest;
  bytes: number;
}

/** Plain data; `digest` is the sha256 of its canonical JSON. */
export interface DataArtifact {
  type: "data";
  digest: Digest;
  value: Json;
}

export type Artifact = ImageArtifact | SnapshotArtifact | FileArtifact | DataArtifact;
