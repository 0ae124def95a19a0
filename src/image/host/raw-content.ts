/**
 * A disk whose whole content is in a raw file, for a step that reads or writes nearly all of it: file and device are
 * that file, with no server between them and the machine's own disk. Nothing is read on demand, and sealing hashes
 * all that the file holds.
 */
import { open, truncate, unlink } from "node:fs/promises";
import type { ImageArtifact } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";
import { dataRanges } from "../data-ranges.ts";
import { exportImage } from "../export.ts";
import { importFile } from "../import.ts";
import type { SealOptions } from "../seal.ts";
import type { CowView, ViewStats } from "../view.ts";

/** What a disk of the host needs of what it shows; a view is one, and is served besides. */
export type DiskContent = Pick<
  CowView,
  "sizeBytes" | "readOnly" | "read" | "flush" | "seal" | "stats" | "fault" | "close"
>;

export interface OpenRawOptions {
  blobs: BlobStore;
  image: ImageArtifact;
  sizeBytes: number;
  /** The raw file; nothing may be there. */
  path: string;
  readOnly: boolean;
  signal?: AbortSignal;
}

/** Throws ArtifactDamaged, or TplError `cannot-write-file`. `close` removes the file. */
export async function openRawContent(options: OpenRawOptions): Promise<RawContent> {
  const { blobs, image, path, sizeBytes, signal } = options;
  await exportImage(blobs, image, path, signal ? { signal } : {});
  if (sizeBytes !== image.bytes) await truncate(path, sizeBytes);
  return new RawContent(options);
}

export class RawContent implements DiskContent {
  readonly path: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly #blobs: BlobStore;

  constructor({ blobs, path, sizeBytes, readOnly }: OpenRawOptions) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.readOnly = readOnly;
    this.#blobs = blobs;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    await using file = await open(this.path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  /** Nothing to do: the file is scratch, and what could not be written to it shows when it is read. */
  async flush(): Promise<void> {}

  async seal({ sizeBytes = this.sizeBytes, signal }: SealOptions = {}): Promise<ImageArtifact> {
    if (this.readOnly)
      throw new TplError({ code: "disk-read-only", message: "a read-only disk cannot be sealed" });
    const ranges = await dataRanges(this.path, signal);
    return await importFile(this.#blobs, this.path, { sizeBytes, ranges, ...(signal ? { signal } : {}) });
  }

  stats(): ViewStats {
    return { readBytes: 0, writtenBytes: 0, dirtyBytes: 0 };
  }

  /** Whatever happened is the machine's own I/O error, which the tool that met it has told. */
  fault(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    await unlink(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
}
