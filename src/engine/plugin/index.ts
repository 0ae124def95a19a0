/** What the author of a plugin sees: everything that a step type is made of. */
export * as z from "zod";
export type {
  Artifact,
  DataArtifact,
  Digest,
  FileArtifact,
  ImageArtifact,
  Json,
  SnapshotArtifact,
} from "../artifact.ts";
export { ArtifactDamaged, type Position, ToolError, TplError, type TplErrorOptions } from "../errors.ts";
export type { Acquisition } from "../run/journal.ts";
export type { Finding, PlanContext, StepContext, ToolOptions, ToolResult } from "./context.ts";
export type { Disk, MountOptions, OpenDiskOptions } from "./disk.ts";
export { definePlugin, type Plugin } from "./plugin.ts";
export { file, image, resource, type Sharing, snapshot, type Tree, tree, unkeyed } from "./port.ts";
export {
  defineResource,
  defineStep,
  type InputIssue,
  type PlanValues,
  type Ports,
  type StepType,
  type ValuesOf,
} from "./step.ts";
export { within } from "./within.ts";
