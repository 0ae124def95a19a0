/** The errors every driver's `get` throws, and the check behind them. */
import type { Digest } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import { digestOf } from "./digest.ts";

/** Whether `data` is what `digest` stands for. */
export function matches(digest: Digest, data: Uint8Array): boolean {
  return digestOf(data) === digest;
}

export function blobMissing(digest: Digest, cause?: unknown): TplError {
  return new TplError({ code: "blob-missing", message: `blob ${digest} is not in the store`, cause });
}

export function blobCorrupt(digest: Digest, data: Uint8Array): TplError {
  return new TplError({
    code: "blob-corrupt",
    message: `blob ${digest} is damaged: its ${data.byteLength} bytes have the digest ${digestOf(data)}`,
    hint: "run the build again: what needs it is made anew",
  });
}

/** It has been whole, and is not any more. */
export function blobCutShort(digest: Digest, bytes: number): TplError {
  return new TplError({
    code: "blob-corrupt",
    message: `blob ${digest} is damaged: it ends at ${bytes} bytes`,
    hint: "run the build again: what needs it is made anew",
  });
}
