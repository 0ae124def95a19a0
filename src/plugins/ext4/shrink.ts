/**
 * `ext4/shrink`: the smallest image that resize2fs can make of this one. Its `-M` works from an estimate that gets
 * better with every round, so it is asked again until it stops gaining.
 */
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { readSuperblock } from "./read-superblock.ts";
import { resize2fs } from "./resize2fs.ts";
import { fileSystemBytes } from "./superblock.ts";

/** Three rounds are enough on every root seen; the rest is a guard. */
const MAX_ROUNDS = 5;

export const shrink = defineStep({
  name: "shrink",
  summary: "Shrink an ext4 image to its content",
  inputs: { image: image() },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], resize2fs: ["-h"] },
  async run(step) {
    const disk = await step.openDisk({ image: step.inputs.image });
    const file = await disk.file();
    let superblock = await readSuperblock(step, file);
    const clock = clockOf(superblock);
    // Without a check right before it, resize2fs works or refuses depending on whether the file system was
    // written and checked within the same second.
    await e2fsck(step, file, "yes", clock);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const blocksBefore = superblock.blocks;
      await resize2fs(step, file, "minimum", clock);
      await e2fsck(step, file, "yes", clock);
      superblock = await readSuperblock(step, file);
      step.log(`${superblock.blocks} blocks, ${blocksBefore - superblock.blocks} fewer`);
      if (superblock.blocks >= blocksBefore) break;
    }
    return { image: await disk.seal({ sizeBytes: fileSystemBytes(superblock) }) };
  },
});
