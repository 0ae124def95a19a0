/**
 * `ext4/shrink`: the smallest image that resize2fs can make of this one, or one of a given size. Where inodes have to
 * move, resize2fs gives their directories the step's clock as modification time (e2fsprogs' release notes, 1.30);
 * files keep theirs.
 */
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { checkOpened, sealChecked } from "./checked-image.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { makeRoom } from "./make-room.ts";
import { MIB, sizeMiB } from "./options.ts";
import { readSuperblock } from "./read-superblock.ts";
import { resize2fs } from "./resize2fs.ts";
import { shrinkToMinimum } from "./shrink-to-minimum.ts";
import { fileSystemBytes } from "./superblock.ts";

export const shrink = defineStep({
  name: "shrink",
  summary: "Shrink an ext4 image to its content, or to a size",
  inputs: {
    image: image(),
    toMiB: sizeMiB()
      .describe("Size to shrink to, in MiB; default: as small as it gets. A smaller image stays as it is")
      .optional(),
  },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], resize2fs: ["-h"] },
  failures: {
    "disk-too-small": "the content does not fit into the size that is asked for",
    "fsck-failed": "the file system is damaged",
  },
  async run(step) {
    const { image, toMiB } = step.inputs;
    const sizeBytes = toMiB === undefined ? undefined : toMiB * MIB;
    if (sizeBytes !== undefined && image.bytes <= sizeBytes) return { image };
    const disk = await step.openDisk({ image, usedBy: "tools" });
    await checkOpened(step, disk, image, "yes");
    const before = await readSuperblock(disk);
    const clock = clockOf(before);
    if (sizeBytes === undefined) {
      const smallest = await shrinkToMinimum(step, disk, clock);
      return { image: await sealChecked(step, disk, { sizeBytes: fileSystemBytes(smallest) }) };
    }
    if (fileSystemBytes(before) > sizeBytes) {
      await makeRoom(step, disk, before, sizeBytes, clock);
      await resize2fs(step, disk, { blocks: Math.floor(sizeBytes / before.blockSizeBytes) }, clock);
      await e2fsck(step, disk, "yes");
    }
    return { image: await sealChecked(step, disk, { sizeBytes }) };
  },
});
