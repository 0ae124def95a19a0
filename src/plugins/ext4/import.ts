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
import { HEAD_BYTES, looksLike } from "./identify.ts";
import { fileSystemBytes, parseSuperblock, SUPERBLOCK_OFFSET } from "./superblock.ts";

const SECTOR_BYTES = 512;

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
  async resolve({ file }, plan) {
    return file === undefined ? {} : { file: await plan.fileDigest(file) };
  },
  async check({ file }, plan) {
    if (file === undefined) return [];
    const fault = await faultOf(file, plan);
    return fault ? [{ path: ["file"], ...fault }] : [];
  },
  async run(step) {
    return { image: await step.putImage(step.hostPath(step.inputs.file)) };
  },
});

async function faultOf(file: string, plan: PlanContext): Promise<Omit<InputIssue, "path"> | undefined> {
  try {
    const head = await plan.readHead(file, HEAD_BYTES);
    if (head.length === 0) return { code: "empty-file", message: `${file} is empty` };
    const superblock = parseSuperblock(head.subarray(SUPERBLOCK_OFFSET));
    if (!superblock) return notExt4(file, head);
    const { bytes } = await plan.fileDigest(file);
    if (bytes < fileSystemBytes(superblock))
      return {
        code: "file-cut-short",
        message: `${file} has ${bytes} bytes, but its file system has ${fileSystemBytes(superblock)}`,
        hint: "it was not copied to its end: copy it again",
      };
    if (bytes % SECTOR_BYTES !== 0)
      return {
        code: "not-ext4",
        message: `${file} is no disk: its ${bytes} bytes are not whole sectors of ${SECTOR_BYTES}`,
      };
    return undefined;
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    return { code: error.code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) };
  }
}

function notExt4(file: string, head: Buffer): Omit<InputIssue, "path"> {
  const what = looksLike(head);
  return {
    code: "not-ext4",
    message: `${file} holds no ext4 file system${what ? `: it looks like ${what}` : ""}`,
    ...hintFor(what),
  };
}

function hintFor(what: string | undefined): { hint?: string } {
  if (what?.endsWith("image"))
    return { hint: "convert it to a raw file: qemu-img convert -O raw FILE FILE.raw" };
  if (what?.endsWith("compressed data")) return { hint: "decompress it first" };
  if (what?.endsWith("partition table"))
    return { hint: "take the one partition out that holds the root: a template's disk has no partitions" };
  return {};
}
