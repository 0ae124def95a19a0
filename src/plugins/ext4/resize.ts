/**
 * `ext4/resize`: the image with its disk and file system at another size, grown or shrunk in place. Growing
 * writes metadata alone; the view is of the new size, with zeros behind the old one.
 */
import type { StepContext } from "../../engine/plugin/context.ts";
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { diskTooSmall } from "./disk-too-small.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { MIB, sizeMiB } from "./options.ts";
import { readSuperblock } from "./read-superblock.ts";
import { minimumBlocks, resize2fs } from "./resize2fs.ts";
import { shrinkToMinimum } from "./shrink-to-minimum.ts";
import { fileSystemBytes, type Superblock } from "./superblock.ts";

export const resize = defineStep({
  name: "resize",
  summary: "Grow or shrink an ext4 image in place",
  inputs: { image: image(), sizeMiB: sizeMiB() },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], resize2fs: ["-h"] },
  async run(step) {
    const { image, sizeMiB } = step.inputs;
    const sizeBytes = sizeMiB * MIB;
    const disk = await step.openDisk({ image, sizeBytes: Math.max(sizeBytes, image.bytes) });
    const file = await disk.file();
    const before = await readSuperblock(step, file);
    const clock = clockOf(before);
    await e2fsck(step, file, "preen", clock);
    if (fileSystemBytes(before) > sizeBytes) await makeRoom(step, file, before, sizeBytes, clock);
    // In blocks of the file system: resize2fs reads a bare number so, and a size suffix would round.
    await resize2fs(step, file, { blocks: Math.floor(sizeBytes / before.blockSizeBytes) }, clock);
    await e2fsck(step, file, "preen", clock);
    return { image: await disk.seal({ sizeBytes }) };
  },
});

/**
 * Sees to it that the file system can be cut to `sizeBytes`. The estimate of `resize2fs -P` is far above the truth
 * on a large file system with little in it, and resize2fs refuses to go below: then only shrinking it tells.
 */
async function makeRoom(
  step: Pick<StepContext, "tool" | "log">,
  file: string,
  superblock: Superblock,
  sizeBytes: number,
  clock: Record<string, string>,
): Promise<void> {
  const estimateBytes = (await minimumBlocks(step, file, clock)) * superblock.blockSizeBytes;
  if (estimateBytes <= sizeBytes) return;
  const neededBytes = fileSystemBytes(await shrinkToMinimum(step, file, clock));
  if (neededBytes <= sizeBytes) return;
  throw diskTooSmall({
    what: "the content of the image",
    neededBytes,
    availableBytes: sizeBytes,
    diskBytes: sizeBytes,
  });
}
