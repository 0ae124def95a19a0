/** `ext4/mkfs`: a fresh, empty ext4 image. The same inputs give the same bytes, on any day. */
import * as z from "zod";
import { image } from "../../engine/plugin/port.ts";
import { defineStep, type InputIssue } from "../../engine/plugin/step.ts";
import { DEFAULT_EPOCH, fixedClock } from "./fixed-clock.ts";
import { grownLayout, neededMiB } from "./grown-layout.ts";
import { BLOCK_SIZE_BYTES, DEFAULT_BYTES_PER_INODE, mke2fsArguments } from "./mke2fs.ts";
import { label, MIB, sizeMiB, uuid } from "./options.ts";
import { mountOptions, reservedMiB, tune2fs } from "./tune2fs.ts";

const FEATURE = /^[a-zA-Z0-9_]+$/;

export const mkfs = defineStep({
  name: "mkfs",
  summary: "Make a fresh ext4 image",
  inputs: {
    sizeMiB: sizeMiB(),
    label: label().optional(),
    uuid: uuid().optional(),
    hashSeed: z
      .guid("must be a UUID: 8-4-4-4-12 hexadecimal digits")
      .describe("Salt of the directory indexes, a UUID; default: one that follows from the other inputs")
      .optional(),
    features: z
      .array(z.string().regex(FEATURE, "must be a feature's name, as in ext4(5)"))
      .min(1, "must name at least one feature")
      .describe("The whole list of features, by the names of ext4(5), in place of the default one")
      .optional(),
    bytesPerInode: z
      .int()
      .min(1024, "must be at least 1024")
      .max(67_108_864, "must be at most 67108864 (64 MiB)")
      .describe(
        "A file for every so many bytes. The default bears roots of many small files, for 6 % of the size",
      )
      .default(DEFAULT_BYTES_PER_INODE),
    journalMiB: z
      .int()
      .min(4, "must be at least 4 MiB (1024 blocks)")
      .max(40_000, "must be at most 40000 MiB")
      .describe("Size of the journal in MiB; default: by the size of the disk, as mke2fs chooses")
      .optional(),
    growsToMiB: sizeMiB()
      .describe(
        "Size in MiB that the file system will be grown to later: journal, inodes of a block group and room for group descriptors are as of one made so large",
      )
      .optional(),
    reservedMiB: reservedMiB().default(0),
    mountOptions: mountOptions().optional(),
    epoch: z
      .int()
      .min(1, "must be at least 1: zero would mean the machine's own clock")
      .max(2 ** 34 - 1)
      .describe("What the file system takes for the time it was made, in seconds since 1970")
      .default(DEFAULT_EPOCH),
  },
  outputs: { image: image() },
  tools: { mke2fs: ["-V"], tune2fs: ["-V"] },
  failures: {
    "disk-too-small": "the size does not hold the file system that is asked for",
  },
  check: async ({ sizeMiB, growsToMiB, bytesPerInode = DEFAULT_BYTES_PER_INODE }): Promise<InputIssue[]> =>
    sizeMiB === undefined || growsToMiB === undefined
      ? []
      : growthIssues({ sizeMiB, growsToMiB, bytesPerInode }),
  async run(step) {
    const { epoch, reservedMiB, mountOptions, ...options } = step.inputs;
    const disk = await step.openDisk({ sizeBytes: options.sizeMiB * MIB });
    const clock = fixedClock(epoch);
    await step.tool("mke2fs", [...mke2fsArguments(options), await disk.file()], { env: clock });
    const tuning = { reservedMiB: reservedMiB || undefined, mountOptions };
    await tune2fs(step, disk, tuning, { blockSizeBytes: BLOCK_SIZE_BYTES, clock });
    return { image: await disk.seal() };
  },
});

function growthIssues(sizes: { sizeMiB: number; growsToMiB: number; bytesPerInode: number }): InputIssue[] {
  const { sizeMiB, growsToMiB } = sizes;
  const path = ["growsToMiB"];
  if (growsToMiB < sizeMiB) {
    const message = `a file system of ${sizeMiB} MiB cannot grow to ${growsToMiB} MiB`;
    return [{ path, code: "wrong-value", message, hint: "leave growsToMiB out, or make it the larger" }];
  }
  const leastMiB = neededMiB(grownLayout(sizes));
  if (leastMiB <= sizeMiB) return [];
  return [
    {
      path,
      code: "disk-too-small",
      message: `a file system that grows to ${growsToMiB} MiB needs ${leastMiB} MiB to begin with, for its journal and inodes; ${sizeMiB} MiB are too few`,
      hint: `make sizeMiB at least ${leastMiB}, or growsToMiB smaller`,
    },
  ];
}
