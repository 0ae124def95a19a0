/**
 * `ext4/resize`: the image with its disk and file system at another size, grown or shrunk in place. Growing
 * writes metadata alone; the view is of the new size, with zeros behind the old one.
 */
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { diskTooSmall } from "./disk-too-small.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { MIB, sizeMiB } from "./options.ts";
import { readSuperblock } from "./read-superblock.ts";
import { minimumBlocks, resize2fs } from "./resize2fs.ts";
import { fileSystemBytes } from "./superblock.ts";

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
    if (fileSystemBytes(before) > sizeBytes) {
      const minimumBytes = (await minimumBlocks(step, file, clock)) * before.blockSizeBytes;
      if (minimumBytes > sizeBytes)
        throw diskTooSmall({
          what: "the content of the image",
          neededBytes: minimumBytes,
          availableBytes: sizeBytes,
          diskBytes: sizeBytes,
        });
    }
    // In blocks of the file system: resize2fs reads a bare number so, and a size suffix would round.
    await resize2fs(step, file, { blocks: Math.floor(sizeBytes / before.blockSizeBytes) }, clock);
    await e2fsck(step, file, "preen", clock);
    return { image: await disk.seal({ sizeBytes }) };
  },
});
