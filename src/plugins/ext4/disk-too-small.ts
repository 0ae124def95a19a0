/** The one way to say that a disk is smaller than what shall go into it. */
import { TplError } from "../../engine/errors.ts";
import { MIB } from "./options.ts";

export interface Shortage {
  /** What the disk has, or has left, for the content. */
  availableBytes: number;
  neededBytes: number;
  /** Whole size that the disk was to have; what is missing comes on top of it. */
  diskBytes: number;
  /** What does not fit, for the message: `the content of the image`. */
  what: string;
}

export function diskTooSmall({ availableBytes, neededBytes, diskBytes, what }: Shortage): TplError {
  const missingMiB = Math.max(1, Math.ceil((neededBytes - availableBytes) / MIB));
  return new TplError({
    code: "disk-too-small",
    message: `${what} does not fit: it needs ${inMiB(neededBytes)} MiB, the disk of ${inMiB(diskBytes)} MiB has ${Math.floor(availableBytes / MIB)} MiB for it; ${missingMiB} MiB are missing`,
    hint: `make the disk at least ${inMiB(diskBytes) + missingMiB} MiB`,
  });
}

function inMiB(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
