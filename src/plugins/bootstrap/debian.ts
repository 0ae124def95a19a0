/**
 * `bootstrap/debian`: a Debian root file system made from packages alone, as an ext4 image: the first template of a
 * family. mmdebstrap makes the files, which are then written into the image with everything they carry.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import {
  DEFAULT_BYTES_PER_INODE,
  diskTooSmall,
  fixedClock,
  label,
  MIB,
  mke2fsArguments,
  populate,
  readSuperblock,
  type Superblock,
  sealChecked,
  sizeMiB,
} from "../ext4/index.ts";
import { aptReachOptions } from "./apt-options.ts";
import { type Archive, archiveDate } from "./archive.ts";
import { mmdebstrapArguments } from "./mmdebstrap.ts";
import { tidy } from "./tidy.ts";

/** Debian policy 5.6.1, and an architecture or release after it as apt-get(8) takes them. */
const PACKAGE = /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?([=/][A-Za-z0-9.+:~-]+)?$/;

export const debian = defineStep({
  name: "debian",
  summary: "Make a Debian root file system from packages",
  inputs: {
    suite: z
      .string()
      .regex(/^[a-z][a-z0-9.-]*$/, "must be the name of a suite, as bookworm")
      .describe("Debian's suite: bookworm, trixie, unstable"),
    packages: z
      .array(z.string().regex(PACKAGE, "must be the name of a package"))
      .describe("Packages beside those of the variant; what they depend on comes along")
      .default([]),
    variant: z
      .enum(["essential", "apt", "minbase", "important", "standard"])
      .describe("What is in it to begin with, as mmdebstrap names it")
      .default("minbase"),
    components: z
      .array(z.string().regex(/^[a-z0-9-]+$/, "must be the name of a component, as main"))
      .min(1, "must name at least one component")
      .default(["main"]),
    architecture: z
      .string()
      .regex(/^[a-z0-9-]+$/, "must be a Debian architecture, as amd64")
      .describe("Default: this machine's own")
      .optional(),
    mirror: z
      .url({ protocol: /^https?$/, error: "must be an http or https address" })
      .describe("Archive to take packages from; default: this machine's apt sources for the suite")
      .optional(),
    docs: z
      .enum(["keep", "drop"])
      .describe("Whether documentation, manual pages and translations are installed, now and by later steps")
      .default("drop"),
    sizeMiB: sizeMiB().default(1024),
    bytesPerInode: z.int().min(1024).max(67_108_864).default(DEFAULT_BYTES_PER_INODE),
    label: label().optional(),
  },
  outputs: { image: image() },
  tools: { mmdebstrap: ["--version"], mke2fs: ["-V"], e2fsck: ["-V"], python3: ["--version"] },
  failures: {
    "archive-unreachable": "the archive does not answer",
    "no-apt-source": "this machine's apt has no source for the suite, and no mirror is named",
    "credentials-in-source": "an apt source holds a password, which an image must not",
    "apt-failed": "a package is missing or does not install",
    "disk-too-small": "the packages do not fit",
  },
  platform: ["arch"],
  async resolve({ suite, mirror }, plan) {
    return suite === undefined ? {} : { archive: await archiveDate(plan, suite, mirror) };
  },
  async run(step) {
    const { sizeMiB, bytesPerInode, label, ...options } = step.inputs;
    const { sources, epoch } = step.resolved.archive as Archive;
    if (process.getuid?.() !== 0)
      throw new TplError({
        code: "needs-root",
        message: "a root file system has files of every owner, which only root can make",
        hint: "run the build as root",
      });
    const scratch = await step.scratch();
    const root = join(scratch, "root");
    const aptConf = join(scratch, "apt.conf");
    await writeFile(aptConf, await aptReachOptions(step), { mode: 0o600 });
    await step.tool("mmdebstrap", mmdebstrapArguments(options, sources, aptConf, root), {
      env: { SOURCE_DATE_EPOCH: String(epoch) },
    });
    await tidy(step, root, epoch);
    const disk = await step.openDisk({ sizeBytes: sizeMiB * MIB, usedBy: "tools" });
    await step.tool("mke2fs", [...mke2fsArguments({ sizeMiB, bytesPerInode, label }), await disk.file()], {
      env: fixedClock(epoch),
    });
    const superblock = await readSuperblock(disk);
    const whenFull = () => rootTooLarge(step, root, superblock, disk.sizeBytes);
    await populate(step, disk, { from: root, state: "fresh", accessTimes: "epoch", whenFull });
    return { image: await sealChecked(step, disk) };
  },
});

async function rootTooLarge(
  step: Pick<StepContext, "tool">,
  root: string,
  { freeBlocks, blockSizeBytes }: Superblock,
  diskBytes: number,
): Promise<TplError> {
  const { stdout } = await step.tool("du", ["-sx", "--block-size=1", "--", root], { quiet: true });
  return diskTooSmall({
    what: "the root file system",
    neededBytes: Number.parseInt(stdout, 10),
    availableBytes: freeBlocks * blockSizeBytes,
    diskBytes,
  });
}
