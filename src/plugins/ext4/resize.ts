/**
 * `ext4/resize`: the image with its disk and file system at another size, grown or shrunk in place. Growing
 * writes metadata alone; the view is of the new size, with zeros behind the old one.
 */
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { allSettled } from "../../image/settled.ts";
import { checkOpened, sealChecked } from "./checked-image.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { makeRoom } from "./make-room.ts";
import { newSize, newSizeIssues } from "./new-size.ts";
import { MIB } from "./options.ts";
import { readAhead } from "./read-ahead.ts";
import { readSuperblock } from "./read-superblock.ts";
import { resizeToFree } from "./resize-to-free.ts";
import { resize2fs } from "./resize2fs.ts";
import { fileSystemBytes } from "./superblock.ts";
import { reservedMiB, tune2fs } from "./tune2fs.ts";

export const resize = defineStep({
  name: "resize",
  summary: "Grow or shrink an ext4 image in place",
  inputs: {
    image: image(),
    ...newSize(),
    reservedMiB: reservedMiB()
      .describe("MiB that only root may fill; default: as large a part as before")
      .optional(),
  },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], resize2fs: ["-h"], tune2fs: ["-V"] },
  failures: {
    "disk-too-small": "the content does not fit; the message says how much is missing",
    "free-space-unreachable": "no size gives the free space that is asked for",
    "fsck-failed": "the file system is damaged",
  },
  check: async (inputs) => newSizeIssues(inputs),
  async run(step) {
    const { image, sizeMiB, freeMiB, reservedMiB } = step.inputs;
    // A view costs nothing for its size. Inode tables and reserved blocks may take three quarters of what is added.
    const mostBytes = sizeMiB === undefined ? image.bytes + (freeMiB! * 4 + 64) * MIB : sizeMiB * MIB;
    const disk = await step.openDisk({ image, sizeBytes: Math.max(mostBytes, image.bytes), usedBy: "tools" });
    await checkOpened(step, disk, image, "preen");
    const before = await readSuperblock(disk);
    const { blockSizeBytes } = before;
    const clock = clockOf(before);
    if (sizeMiB === undefined) {
      const wanted = { freeMiB: freeMiB!, reservedMiB };
      const after = await resizeToFree(step, disk, wanted, clock);
      return { image: await sealChecked(step, disk, { sizeBytes: fileSystemBytes(after) }) };
    }
    const sizeBytes = sizeMiB * MIB;
    if (fileSystemBytes(before) > sizeBytes) await makeRoom(step, disk, before, sizeBytes, clock);
    // In blocks of the file system: resize2fs reads a bare number so, and a size suffix would round.
    const blocks = Math.floor(sizeBytes / blockSizeBytes);
    await allSettled([
      readAhead(disk, step.signal), // for the check that follows
      resize2fs(step, disk, { blocks }, clock),
    ]);
    await tune2fs(step, disk, { reservedMiB }, { blockSizeBytes, clock });
    await e2fsck(step, disk, "preen");
    return { image: await sealChecked(step, disk, { sizeBytes }) };
  },
});
