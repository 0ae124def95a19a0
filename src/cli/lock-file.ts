/** `TEMPLATE.lock`: a lock as YAML, sorted, so that what changed in it is what moved. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import * as z from "zod";
import type { Artifact, Digest, Json } from "../engine/artifact.ts";
import { TplError } from "../engine/errors.ts";
import type { Lock } from "../engine/plan/lock.ts";
import { writeFileAtomically } from "./write-file.ts";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/) as unknown as z.ZodType<Digest>;
const at = z.iso.datetime();
const artifact = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["image", "snapshot", "file"]), digest, bytes: z.int().nonnegative() }),
  z.object({ type: z.literal("data"), digest, value: z.json() }),
]) as unknown as z.ZodType<Artifact>;
const schema = z.strictObject({
  schema: z.literal("tplgraph.lock/1"),
  refs: z.record(z.string(), z.object({ artifact, at })).default({}),
  names: z.record(z.string(), z.object({ value: z.json() as unknown as z.ZodType<Json>, at })).default({}),
  files: z.record(z.string(), z.object({ digest, bytes: z.int().nonnegative(), at })).default({}),
});

export function lockFileOf(template: string): string {
  return `${template}.lock`;
}

/** The folder that a lock's paths are relative to. */
export function lockFolder(template: string): string {
  return resolve(dirname(template));
}

/** Undefined where there is none. Throws TplError `lock-damaged`. */
export async function readLock(template: string): Promise<Lock | undefined> {
  const file = lockFileOf(template);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new TplError({
      code: "lock-unreadable",
      message: `${file} cannot be read: ${(error as Error).message}`,
    });
  }
  const yaml = await import("yaml");
  try {
    return schema.parse(yaml.parse(text));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError ? z.prettifyError(cause).replace(/\s+/g, " ") : (cause as Error).message;
    throw new TplError({
      code: "lock-damaged",
      message: `${file} is no lock of this version: ${why}`,
      hint: `make it anew: tplgraph lock ${template}`,
      cause,
    });
  }
}

export async function writeLock(template: string, lock: Lock): Promise<void> {
  const yaml = await import("yaml");
  const head = `# Written by \`tplgraph lock\`: what the mutable inputs stand for with --locked.\n`;
  await writeFileAtomically(
    lockFileOf(template),
    head + yaml.stringify(lock, { sortMapEntries: true, lineWidth: 0 }),
  );
}
