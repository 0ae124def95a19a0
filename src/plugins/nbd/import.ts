/**
 * `nbd/import`: an image from a raw file of the host with any file system that `nbd/attach-source` can attach. What
 * `from: { file: PATH }` becomes there. Which one it is shows in the first bytes, while planning.
 */
import * as z from "zod";
import { TplError } from "../../engine/errors.ts";
import type { PlanContext } from "../../engine/plugin/context.ts";
import { image } from "../../engine/plugin/port.ts";
import { defineStep, type InputIssue } from "../../engine/plugin/step.ts";
import { HEAD_BYTES, MIB, rawFileFault } from "../ext4/index.ts";
import { foreignIn } from "./foreign-superblock.ts";

export const importFile = defineStep({
  name: "import",
  summary: "Take in a raw file with a file system to attach: ext4, xfs or btrfs",
  inputs: {
    file: z
      .string()
      .min(1, "must be the path of a file")
      .describe("Path of a raw image on this machine, relative to the template's folder"),
  },
  outputs: { image: image() },
  failures: {
    "file-not-found": "there is no such file",
    "not-ext4": "the file holds something else, which is named",
    "file-cut-short": "the file is shorter than its file system",
    "empty-file": "the file is empty",
  },
  async resolve({ file }, plan) {
    return file === undefined ? {} : { file: await plan.fileDigest(file) };
  },
  async check({ file }, plan) {
    if (file === undefined) return [];
    const fault = await faultOf(file, plan);
    return fault ? [{ path: ["file"], ...fault }] : [];
  },
  async run(step) {
    const { file } = step.inputs;
    const image = await step.putImage(step.hostPath(file));
    await step.requireUnchanged(file);
    return { image };
  },
});

async function faultOf(file: string, plan: PlanContext): Promise<Omit<InputIssue, "path"> | undefined> {
  try {
    const head = await plan.readHead(file, HEAD_BYTES);
    const sizeBytes = async () => (await plan.fileDigest(file)).bytes;
    const foreign = foreignIn(head);
    if (!foreign) return await rawFileFault(file, head, sizeBytes);
    const { type, sizeMiB } = foreign.facts;
    const bytes = await sizeBytes();
    if (bytes >= sizeMiB * MIB) return undefined;
    return {
      code: "file-cut-short",
      message: `${file} has ${bytes} bytes, but its ${type} has ${sizeMiB} MiB`,
      hint: "it was not copied to its end: copy it again",
    };
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    return { code: error.code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) };
  }
}
