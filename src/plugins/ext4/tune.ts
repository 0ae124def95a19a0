/** `ext4/tune`: what the superblock of an image says: label, UUID, reserved space, mount options. Files stay as they are. */
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { checkOpened, sealChecked } from "./checked-image.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { label, uuid } from "./options.ts";
import { readSuperblock } from "./read-superblock.ts";
import { mountOptions, reservedMiB, tune2fs } from "./tune2fs.ts";

export const tune = defineStep({
  name: "tune",
  summary: "Change what the superblock of an ext4 image says",
  inputs: {
    image: image(),
    label: label().optional(),
    uuid: uuid().describe("UUID of the file system").optional(),
    reservedMiB: reservedMiB().optional(),
    mountOptions: mountOptions().optional(),
  },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], tune2fs: ["-V"] },
  failures: {
    "fsck-failed": "the file system is damaged",
  },
  async run(step) {
    const { image, ...tuning } = step.inputs;
    const disk = await step.openDisk({ image, usedBy: "tools" });
    // With metadata_csum another UUID changes every checksum, which tune2fs does on a checked file system alone.
    await checkOpened(step, disk, image, "preen");
    const superblock = await readSuperblock(disk);
    const clock = clockOf(superblock);
    await tune2fs(step, disk, tuning, { blockSizeBytes: superblock.blockSizeBytes, clock });
    await e2fsck(step, disk, "check-only");
    return { image: await sealChecked(step, disk) };
  },
});
