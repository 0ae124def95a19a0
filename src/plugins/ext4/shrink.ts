/**
 * `ext4/shrink`: the smallest image that resize2fs can make of this one. Where inodes have to move, resize2fs gives
 * their directories the step's clock as modification time (e2fsprogs' release notes, 1.30); files keep theirs.
 */
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { clockOf } from "./fixed-clock.ts";
import { readSuperblock } from "./read-superblock.ts";
import { shrinkToMinimum } from "./shrink-to-minimum.ts";
import { fileSystemBytes } from "./superblock.ts";

export const shrink = defineStep({
  name: "shrink",
  summary: "Shrink an ext4 image to its content",
  inputs: { image: image() },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], resize2fs: ["-h"] },
  async run(step) {
    const disk = await step.openDisk({ image: step.inputs.image });
    const file = await disk.file();
    const superblock = await shrinkToMinimum(step, file, clockOf(await readSuperblock(step, file)));
    return { image: await disk.seal({ sizeBytes: fileSystemBytes(superblock) }) };
  },
});
