/**
 * Ports: what may flow into and out of a step. A port is a zod schema; one that carries an artifact or a
 * resource is made here and remembers its type in the schema's metadata, so that the compiler can hold an
 * output against an input before anything runs. Any other schema is a plain-data port (a parameter).
 */
import * as z from "zod";
import type { FileArtifact, ImageArtifact, SnapshotArtifact } from "../artifact.ts";

/** How many consumers a resource bears at a time: any number, or one that has it to itself. */
export type Sharing = "shared" | "exclusive";

/** What a schema's metadata says under the key `tplgraph`. */
export interface PortInfo {
  /** Names the type: two ports fit when their types are the same word. Absent: plain data. */
  type?: string;
  kind?: "artifact" | "resource";
  sharing?: Sharing;
  /** Artifact inputs only: the step type (`plugin/step`, input `file`) that turns `{ file: PATH }` into this port's artifact. */
  fileVia?: string;
  /** The field does not determine the output and stands outside the key. */
  unkeyed?: boolean;
}

export interface ImagePortOptions {
  /** The step type that imports a file given as `{ file: PATH }`. Default `ext4/import`. */
  fileVia?: string;
}

/** An image. In a template: a reference to a step's image, or `{ template, output }`, `{ ref }`, `{ file }`. */
export function image(options: ImagePortOptions = {}): z.ZodType<ImageArtifact> {
  return port<ImageArtifact>({ type: "image", kind: "artifact", fileVia: options.fileVia ?? "ext4/import" });
}

/** A paused machine. */
export function snapshot(): z.ZodType<SnapshotArtifact> {
  return port<SnapshotArtifact>({ type: "snapshot", kind: "artifact" });
}

/** A file in the store (not a path on the host: those are strings read through `StepContext.hostFile`). */
export function file(): z.ZodType<FileArtifact> {
  return port<FileArtifact>({ type: "file", kind: "artifact" });
}

/** A mounted directory tree on this machine. */
export interface Tree {
  /** Absolute path of the mount point. */
  path: string;
  readOnly: boolean;
}

/** A mounted tree: a resource; read by any number of consumers at once, or written by one. */
export function tree(options: { sharing?: Sharing } = {}): z.ZodType<Tree> {
  return resource<Tree>("tree", options);
}

/** A resource type of a plugin's own. `T` is what consumers get while the resource is held. */
export function resource<T>(type: string, options: { sharing?: Sharing } = {}): z.ZodType<T> {
  return port<T>({ type, kind: "resource", sharing: options.sharing ?? "shared" });
}

/** Leaves a plain-data field out of the key, explicitly: for what cannot change the output (a timeout, a log level). */
export function unkeyed<S extends z.ZodType>(schema: S): S {
  return schema.meta({ ...schema.meta(), tplgraph: { ...portInfo(schema), unkeyed: true } }) as S;
}

/** What is known of a schema's port, looking through `optional`, `default` and the like. `{}` for plain data. */
export function portInfo(schema: z.ZodType): PortInfo {
  for (let s: z.ZodType | undefined = schema; s; s = innerOf(s)) {
    const info = s.meta()?.tplgraph;
    if (info) return info as PortInfo;
  }
  return {};
}

function port<T>(info: PortInfo): z.ZodType<T> {
  return z.custom<T>((value) => typeof value === "object" && value !== null).meta({ tplgraph: info });
}

function innerOf(schema: z.ZodType): z.ZodType | undefined {
  const def = schema.def as { innerType?: z.ZodType; in?: z.ZodType };
  return def.innerType ?? def.in;
}
