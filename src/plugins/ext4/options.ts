/** Schemas that several steps with a file system of their own share: one wording, one set of limits. */
import * as z from "zod";

export const MIB = 1024 * 1024;

/** 16 TiB: the largest file that ext4, on which most overlays live, can hold. */
export const MAX_MIB = 16 * 1024 * 1024;

/** Less than this and mke2fs leaves the journal out, or has no room for its own tables. */
const MIN_MIB = 8;

export function sizeMiB(): z.ZodNumber {
  return z
    .int("must be a whole number of MiB")
    .min(MIN_MIB, `must be at least ${MIN_MIB} MiB`)
    .max(MAX_MIB, `must be at most ${MAX_MIB} MiB (16 TiB)`)
    .describe("Size of the disk in MiB, to the byte");
}

/** At most 16 bytes (s_volume_name, super.rst). */
export function label() {
  return z
    .string()
    .refine((text) => Buffer.byteLength(text) <= 16, "must be at most 16 bytes long")
    .refine((text) => !text.includes("\0"), "must not hold a NUL")
    .describe("Label of the file system");
}

export function uuid() {
  return z
    .guid("must be a UUID: 8-4-4-4-12 hexadecimal digits")
    .toLowerCase()
    .describe("UUID of the file system; default: one that follows from the step's other inputs");
}
