/**
 * What a run needs of the machine, without the disk host: images are raw sparse files of a folder, disks are
 * private copies of them, mounted through loop devices. Slower than the real one and nothing is deduplicated,
 * but the tools meet real files, real devices and real mounts. Everything taken is released by `close`.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Digest, ImageArtifact } from "../engine/artifact.ts";
import type { OpenDiskOptions } from "../engine/plugin/disk.ts";
import type { Services } from "../engine/run/services.ts";
import { FileDisk } from "./file-disk.ts";

const CHUNK_BYTES = 256 * 1024;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

export interface FileServices extends Services {
  /** The raw file of an image that was stored here. Not to be written to. */
  imagePath(image: ImageArtifact): string;
}

/** `folder` is theirs alone, and removed by `close` with all that is in it. */
export async function fileServices(folder: string): Promise<FileServices> {
  const images = join(folder, "images");
  await mkdir(images, { recursive: true });
  const open = new Set<FileDisk>();
  let disks = 0;
  const imagePath = (image: ImageArtifact) => join(images, `${image.digest.slice("sha256:".length)}.raw`);

  /** Takes `path` over: it is renamed, not copied. */
  async function store(path: string): Promise<ImageArtifact> {
    const image: ImageArtifact = { type: "image", ...(await digestOf(path)) };
    await rename(path, imagePath(image));
    return image;
  }

  async function openDisk(_node: string, options: OpenDiskOptions) {
    const path = join(folder, `disk-${disks++}.raw`);
    if (options.image) await sparseCopy(imagePath(options.image), path);
    const sizeBytes = options.sizeBytes ?? options.image?.bytes;
    if (sizeBytes === undefined) throw new Error("bug: a disk without an image needs a size");
    await execa("truncate", ["-s", String(sizeBytes), path]);
    const disk = new FileDisk(path, sizeBytes, options.readOnly ? "read-only" : "read-write", store);
    open.add(disk);
    const close = async () => {
      await disk.release();
      await rm(path, { force: true });
      open.delete(disk);
    };
    return { disk, close, fault: async () => undefined };
  }

  return {
    runFolder: join(folder, "scratch"),
    imagePath,
    journal: { take: async () => ({ released: async () => {} }) },
    async release(acquisition) {
      if (acquisition.kind === "folder" || acquisition.kind === "file")
        await execa("rm", ["-rf", "--one-file-system", "--", acquisition.path]);
      else throw new Error(`bug: a step's test cannot release a ${acquisition.kind}`);
    },
    openDisk,
    async putFile(path) {
      return { type: "file", ...(await digestOf(path)) };
    },
    async putImage(path) {
      const copy = join(folder, `disk-${disks++}.raw`);
      await sparseCopy(path, copy);
      return store(copy);
    },
    async close() {
      const failures: { hook: string; error: unknown }[] = [];
      for (const disk of [...open].reverse())
        await disk.release().catch((error: unknown) => failures.push({ hook: "release disk", error }));
      if (failures.length === 0) await rm(folder, { recursive: true, force: true });
      return failures;
    },
  };
}

async function sparseCopy(from: string, to: string): Promise<void> {
  await execa("cp", ["--sparse=always", "--reflink=auto", "--", from, to]);
}

/** Of the content alone, like an image's real digest: zeros are left out, so that holes cost no hashing. */
async function digestOf(path: string): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    if (!chunk.equals(ZEROS.subarray(0, chunk.length))) hash.update(`${bytes} `).update(chunk);
    bytes += chunk.length;
  }
  return { digest: `sha256:${hash.update(String(bytes)).digest("hex")}`, bytes };
}
