/**
 * The manifest of a snapshot: a paused machine as data and digests. It is stored as canonical JSON, and its
 * sha256 is the snapshot's digest. Everything it names is in the same store.
 */
import type { Digest, FileArtifact, ImageArtifact } from "../engine/artifact.ts";
import { TplError } from "../engine/errors.ts";
import type { MachineConfig } from "./qemu.ts";

export const MANIFEST_SCHEMA = "tplgraph.snapshot/1";

/** A type, not an interface: it is plain JSON. */
export type SnapshotManifest = {
  schema: typeof MANIFEST_SCHEMA;
  /** The name that the template gave it, if any. */
  name: string | null;
  /** Device state is good for this QEMU's machine type; the version tells which one wrote it. */
  qemuVersion: string;
  machine: MachineConfig;
  /** After `console=…` and what every guest gets; for a cold boot. */
  kernelArguments: string[];
  kernel: FileArtifact;
  initramfs: FileArtifact;
  /** The root disk as it was when the machine was paused: mounted, its journal not empty. */
  disk: ImageArtifact;
  /** Guest memory, byte for byte. */
  memory: ImageArtifact;
  /** QEMU's migration stream without the memory (`x-ignore-shared`). */
  deviceState: FileArtifact;
};

/** What the manifest names: stored before it, and not deleted while it is there. */
export function partsOf(manifest: SnapshotManifest): Digest[] {
  const { kernel, initramfs, disk, memory, deviceState } = manifest;
  return [kernel, initramfs, disk, memory, deviceState].map((part) => part.digest);
}

/** Throws TplError `not-a-snapshot`. */
export function parseManifest(data: Buffer): SnapshotManifest {
  const manifest = JSON.parse(data.toString("utf8")) as unknown;
  if (isManifest(manifest)) return manifest;
  throw new TplError({
    code: "not-a-snapshot",
    message: "this is no snapshot manifest that this version knows",
    hint: "build the snapshot again",
  });
}

function isManifest(value: unknown): value is SnapshotManifest {
  return typeof value === "object" && value !== null && "schema" in value && value.schema === MANIFEST_SCHEMA;
}
