/**
 * Lays the provisioning files and the template's own over a root file system: owner and mode as written here,
 * also where a file was there before. How it stays inside the image: `write-files.ts`.
 */

import * as z from "zod";
import type { PlanContext, StepContext } from "../../engine/plugin/context.ts";
import { image } from "../../engine/plugin/port.ts";
import { defineStep, type PlanValues } from "../../engine/plugin/step.ts";
import { staticBusybox } from "../../vm/initramfs.ts";
import { checkOpened, clockOf, e2fsck, readSuperblock, sealChecked } from "../ext4/index.ts";
import { isAllThere } from "./already-there.ts";
import { isPlainPath } from "./debugfs.ts";
import { type OverlayFile, provisioningFiles } from "./files.ts";
import { writeFiles } from "./write-files.ts";

const owner = z.int().min(0).max(0xffff_fffe);
const plainPath = z.string().refine(isPlainPath, "must not hold quotes, backslashes or control characters");
const absolutePath = plainPath
  .refine((path) => path.startsWith("/"), "must be absolute in the image: /etc/motd")
  .refine((path) => !path.split("/").includes(".."), 'must not hold ".."')
  .refine((path) => /[^/]$/.test(path), "must name a file");

const templateFile = z
  .strictObject({
    path: absolutePath.describe("where it goes in the image"),
    content: z.string().optional().describe("its text"),
    source: z.string().optional().describe("a file on this machine, relative to the template"),
    symlink: plainPath.min(1).max(4095).optional().describe("makes a symlink to this target"),
    mode: z
      .string()
      .regex(/^0?[0-7]{3,4}$/, 'must be octal digits in quotes: "0644"')
      .default("0644"),
    uid: owner.default(0),
    gid: owner.default(0),
  })
  .refine(
    ({ content, source, symlink }) => [content, source, symlink].filter((x) => x !== undefined).length === 1,
    "needs exactly one of content, source, symlink",
  );

type TemplateFile = z.output<typeof templateFile>;

const inputs = {
  image: image(),
  files: z.array(templateFile).default([]).describe("files of the template's own"),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a host name: letters, digits, dashes")
    .default("tplgraph"),
  nameservers: z
    .array(z.ipv4().or(z.ipv6()))
    .default(["1.1.1.1", "8.8.8.8"])
    .describe("what /etc/resolv.conf names"),
};

export const overlay = defineStep({
  name: "overlay",
  summary: "lay the provisioning files and the template's own over an image",
  inputs,
  outputs: { image: image() },
  tools: { debugfs: ["-V"], e2fsck: ["-V"] },
  failures: {
    "overlay-conflict": "the image has a folder where a file goes, or the other way round",
    "overlay-loop": "symlinks of the image go in a circle",
    "overlay-failed": "a file did not get in as it should be",
    "disk-too-small": "no block or inode is free",
    "fsck-failed": "the file system is damaged",
  },
  resolve: resolveFiles,
  async run(step) {
    const { image, files, hostname, nameservers } = step.inputs;
    const busybox = await step.hostFile(await staticBusybox());
    const disk = await step.openDisk({ image, usedBy: "tools" });
    // debugfs does not replay a journal: writing before a replay would be undone or worse by it.
    const { written } = await checkOpened(step, disk, image, "preen");
    const all = [
      ...provisioningFiles({ hostname, nameservers, busybox }),
      ...(await contentsOf(step, files)),
    ];
    if (!written && (await isAllThere(disk, all))) {
      step.log(`the image has all ${all.length} files as they are to be`);
      return { image };
    }
    const clock = clockOf(await readSuperblock(disk));
    const folder = await step.scratch();
    const changed = await writeFiles(step, await disk.file(), folder, all, Number(clock.SOURCE_DATE_EPOCH));
    step.log(`${all.length} files laid over the image, ${all.length - changed} of them were there already`);
    if (changed === 0 && !written) return { image };
    await e2fsck(step, disk, "check-only");
    return { image: await sealChecked(step, disk) };
  },
});

/** Digests of what comes from the host: busybox and the files that the template names by path. */
async function resolveFiles({ files = [] }: PlanValues<typeof inputs>, plan: PlanContext) {
  const busybox = await staticBusybox();
  const sources = files.flatMap(({ source }) => (source === undefined ? [] : [source]));
  return {
    busybox: (await plan.fileDigest(busybox)).digest,
    sources: Object.fromEntries(
      await Promise.all(sources.map(async (path) => [path, (await plan.fileDigest(path)).digest] as const)),
    ),
  };
}

async function contentsOf(
  step: Pick<StepContext, "hostFile">,
  files: readonly TemplateFile[],
): Promise<OverlayFile[]> {
  return Promise.all(
    files.map(async ({ path, content, source, symlink, mode, uid, gid }): Promise<OverlayFile> => {
      if (symlink !== undefined) return { kind: "symlink", path, target: symlink, uid, gid };
      const data = source === undefined ? content! : await step.hostFile(source);
      return { kind: "file", path, mode: Number.parseInt(mode, 8), content: data, uid, gid };
    }),
  );
}
