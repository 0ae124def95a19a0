/**
 * What is known of images' file systems: one that e2fsck found clean need not be checked again, since an image never
 * changes. The store remembers it, by the image's digest and e2fsck's version; it is this store's own finding, and
 * says nothing of an image that came from elsewhere until it was checked here.
 */
import type { ImageArtifact } from "../../engine/artifact.ts";
import type { Finding, StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { type Checked, type CheckOptions, e2fsck, type RepairPolicy } from "./e2fsck.ts";
import { readSuperblock } from "./read-superblock.ts";
import { asksForRepair, fileSystemBytes } from "./superblock.ts";

type Host = Pick<StepContext, "tool" | "hasFound" | "noteFound">;

/** A whole check found nothing, and the file system asks for no repair: resize2fs, debugfs and the kernel may have it. */
function cleanFileSystem(image: ImageArtifact): Finding {
  return { what: "clean-ext4", artifact: image.digest, tool: ["e2fsck", "-V"] };
}

export async function isKnownClean(
  step: Pick<StepContext, "hasFound">,
  image: ImageArtifact,
): Promise<boolean> {
  return step.hasFound(cleanFileSystem(image));
}

/**
 * Checks the file system of a disk on which nothing was written since it was opened with `image`, unless that is known
 * to be clean. Throws as `e2fsck` does.
 */
export async function checkOpened(
  step: Host,
  disk: Pick<Disk, "file" | "read">,
  image: ImageArtifact,
  repair: RepairPolicy,
  options: CheckOptions = {},
): Promise<Checked> {
  if (await isKnownClean(step, image)) return { corrected: false, written: false };
  const checked = await e2fsck(step, disk, repair, options);
  if (!checked.written && (await isWhole(disk, image.bytes))) await step.noteFound(cleanFileSystem(image));
  return checked;
}

/** Seals a disk whose file system e2fsck found healthy after the last write to it, and remembers that. */
export async function sealChecked(
  step: Host,
  disk: Pick<Disk, "read" | "seal" | "sizeBytes">,
  options: { sizeBytes?: number } = {},
): Promise<ImageArtifact> {
  const found = await isWhole(disk, options.sizeBytes ?? disk.sizeBytes);
  const image = await disk.seal(options);
  if (found) await step.noteFound(cleanFileSystem(image));
  return image;
}

/**
 * Whether what e2fsck said of the disk holds for an image of `imageBytes`, which may end before it. A check alone
 * (`-n`) finds no fault with a journal that is still to be replayed.
 */
async function isWhole(disk: Pick<Disk, "read">, imageBytes: number): Promise<boolean> {
  const superblock = await readSuperblock(disk);
  return !asksForRepair(superblock) && fileSystemBytes(superblock) <= imageBytes;
}
