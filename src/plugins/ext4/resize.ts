/**
 * `ext4/resize`: the image with its disk and file system at another size, grown or shrunk in place. Growing
 * writes metadata alone; the view is of the new size, with zeros behind the old one.
 */
import * as z from "zod";
import { image } from "../../engine/plugin/port.ts";
import { defineStep, type InputIssue } from "../../engine/plugin/step.ts";
import { e2fsck } from "./e2fsck.ts";
import { clockOf } from "./fixed-clock.ts";
import { makeRoom } from "./make-room.ts";
import { MAX_MIB, MIB, sizeMiB } from "./options.ts";
import { readSuperblock } from "./read-superblock.ts";
import { resizeToFree } from "./resize-to-free.ts";
import { resize2fs } from "./resize2fs.ts";
import { fileSystemBytes } from "./superblock.ts";
import { reservedMiB, tune2fs } from "./tune2fs.ts";

const MIN_FREE_MIB = 16;

export const resize = defineStep({
  name: "resize",
  summary: "Grow or shrink an ext4 image in place",
  inputs: {
    image: image(),
    sizeMiB: sizeMiB().optional(),
    freeMiB: z
      .int("must be a whole number of MiB")
      .min(MIN_FREE_MIB, `must be at least ${MIN_FREE_MIB} MiB`)
      .max(MAX_MIB / 4, `must be at most ${MAX_MIB / 4} MiB (4 TiB)`)
      .describe(
        "In place of sizeMiB: MiB that are free afterwards, reserved ones not counted; at most 1 % more are",
      )
      .optional(),
    reservedMiB: reservedMiB()
      .describe("MiB that only root may fill; default: as large a part as before")
      .optional(),
  },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"], resize2fs: ["-h"], tune2fs: ["-V"] },
  check: async ({ sizeMiB, freeMiB }): Promise<InputIssue[]> =>
    (sizeMiB === undefined) === (freeMiB === undefined) ? [oneOfBoth(sizeMiB)] : [],
  async run(step) {
    const { image, sizeMiB, freeMiB, reservedMiB } = step.inputs;
    // A view costs nothing for its size. Inode tables and reserved blocks may take three quarters of what is added.
    const mostBytes = sizeMiB === undefined ? image.bytes + (freeMiB! * 4 + 64) * MIB : sizeMiB * MIB;
    const disk = await step.openDisk({ image, sizeBytes: Math.max(mostBytes, image.bytes) });
    const file = await disk.file();
    const before = await readSuperblock(step, file);
    const { blockSizeBytes } = before;
    const clock = clockOf(before);
    await e2fsck(step, file, "preen", clock);
    if (sizeMiB === undefined) {
      const wanted = { freeMiB: freeMiB!, reservedMiB };
      const after = await resizeToFree(step, file, wanted, { diskBytes: disk.sizeBytes, clock });
      return { image: await disk.seal({ sizeBytes: fileSystemBytes(after) }) };
    }
    const sizeBytes = sizeMiB * MIB;
    if (fileSystemBytes(before) > sizeBytes) await makeRoom(step, file, before, sizeBytes, clock);
    // In blocks of the file system: resize2fs reads a bare number so, and a size suffix would round.
    await resize2fs(step, file, { blocks: Math.floor(sizeBytes / blockSizeBytes) }, clock);
    await tune2fs(step, file, { reservedMiB }, { blockSizeBytes, clock });
    await e2fsck(step, file, "preen", clock);
    return { image: await disk.seal({ sizeBytes }) };
  },
});

function oneOfBoth(sizeMiB: number | undefined): InputIssue {
  return {
    path: sizeMiB === undefined ? [] : ["freeMiB"],
    code: "wrong-value",
    message: `the new size is given ${sizeMiB === undefined ? "neither by sizeMiB nor by freeMiB" : "twice, by sizeMiB and by freeMiB"}`,
    hint: "give one of them",
  };
}
