/** How a step is told the size it is to give an image: of the disk, or of what is free afterwards. Exactly one of both. */
import * as z from "zod";
import type { InputIssue } from "../../engine/plugin/step.ts";
import { MAX_MIB, sizeMiB } from "./options.ts";

const MIN_FREE_MIB = 16;
const MAX_FREE_MIB = MAX_MIB / 4;

export function newSize() {
  return {
    sizeMiB: sizeMiB().optional(),
    freeMiB: z
      .int("must be a whole number of MiB")
      .min(MIN_FREE_MIB, `must be at least ${MIN_FREE_MIB} MiB`)
      .max(MAX_FREE_MIB, `must be at most ${MAX_FREE_MIB} MiB (4 TiB)`)
      .describe(
        "In place of sizeMiB: MiB that are free afterwards, reserved ones not counted; at most 1 % more are",
      )
      .optional(),
  };
}

export interface NewSize {
  sizeMiB?: number | undefined;
  freeMiB?: number | undefined;
}

export function newSizeIssues({ sizeMiB, freeMiB }: NewSize): InputIssue[] {
  if ((sizeMiB === undefined) !== (freeMiB === undefined)) return [];
  const neither = sizeMiB === undefined;
  return [
    {
      path: neither ? [] : ["freeMiB"],
      code: "wrong-value",
      message: `the new size is given ${neither ? "neither by sizeMiB nor by freeMiB" : "twice, by sizeMiB and by freeMiB"}`,
      hint: "give one of them",
    },
  ];
}
