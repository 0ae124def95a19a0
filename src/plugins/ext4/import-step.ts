/** A step that takes in a raw file of the host as an image, once a look at its first bytes says that it may. */
import * as z from "zod";
import { TplError } from "../../engine/errors.ts";
import type { PlanContext } from "../../engine/plugin/context.ts";
import { image } from "../../engine/plugin/port.ts";
import { defineStep, type InputIssue } from "../../engine/plugin/step.ts";
import { HEAD_BYTES } from "./identify.ts";
import type { RawFileFault } from "./raw-file-fault.ts";

export interface ImportOptions {
  summary: string;
  /** Why it cannot be taken in. `head`: its first `HEAD_BYTES`; `sizeBytes` is asked for only where it matters. */
  faultOf(
    file: string,
    head: Buffer,
    sizeBytes: () => Promise<number>,
  ): Promise<RawFileFault | undefined> | RawFileFault | undefined;
}

/** The step type `import` of a plugin. */
export function importStep({ summary, faultOf }: ImportOptions) {
  const issueOf = async (file: string, plan: PlanContext): Promise<Omit<InputIssue, "path"> | undefined> => {
    try {
      const head = await plan.readHead(file, HEAD_BYTES);
      return await faultOf(file, head, async () => (await plan.fileDigest(file)).bytes);
    } catch (error) {
      if (!(error instanceof TplError)) throw error;
      return { code: error.code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) };
    }
  };
  return defineStep({
    name: "import",
    summary,
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
      const issue = await issueOf(file, plan);
      return issue ? [{ path: ["file"], ...issue }] : [];
    },
    async run(step) {
      const { file } = step.inputs;
      const image = await step.putImage(step.hostPath(file));
      await step.requireUnchanged(file);
      return { image };
    },
  });
}
