/**
 * What a VM needs of its surroundings: the part of a step's context that starts tools, holds disks and
 * releases things. Steps pass their `StepContext`; `tplgraph resume` passes one of its own.
 */
import type { StepContext } from "../engine/plugin/context.ts";

export type VmHost = Pick<
  StepContext,
  "tool" | "scratch" | "openDisk" | "onCleanup" | "log" | "signal" | "readBlob"
>;
