/**
 * `ext4/import`: an image from a raw file of the host. What an input `{ file: PATH }` becomes. That the file holds
 * an ext4 file system is found out from its first bytes while planning; that it is a healthy one is checked where
 * it is mounted, on a view, since the stored image stays as the file is.
 */
import * as z from "zod";
import { TplError } from "../../engine/errors.ts";
import type { PlanContext } from "../../engine/plugin/context.ts";
import { image } from "../../engine/plugin/port.ts";
import { defineStep, type InputIssue } from "../../engine/plugin/step.ts";
import { HEAD_BYTES } from "./identify.ts";
import { rawFileFault } from "./raw-file-fault.ts";

export const importFile = defineStep({
  name: "import",
  summary: "Take in a raw file that holds an ext4 file system",
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
    return await rawFileFault(file, head, async () => (await plan.fileDigest(file)).bytes);
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    return { code: error.code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) };
  }
}
