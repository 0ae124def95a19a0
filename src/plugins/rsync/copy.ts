/**
 * `rsync/copy`: every file of a tree into an image, with everything that a file carries: owners by number, modes,
 * times, hard links, symlinks, devices, sockets, fifos, ACLs, extended attributes (file capabilities among them),
 * holes, the flags of chattr (immutable, append-only) and project ids. The root directory's own come along. However the
 * files come together, one program writes them (`ext4/populate`), so that the same tree gives the same bytes.
 */
import * as z from "zod";
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { image, tree } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { checkOpened, type Populating, populate, readSuperblock, sealChecked } from "../ext4/index.ts";
import { carryRest } from "./carry-rest.ts";
import { rsync } from "./rsync.ts";
import { roomIn, type Space, shortageOf, spaceRanOut, usedBy, usedOn } from "./space.ts";

/** rsync reads a rule that begins like this as something else than a pattern (rsync(1), FILTER RULES). */
const FILTER_RULE = /^([-+] |!)/;

const method = z
  .enum(["auto", "rsync", "populate"])
  .describe(
    "rsync: onto what the image has, anything left out · populate: a whole tree into a fresh file system, faster, and paths of any length · auto: populate where it can",
  )
  .default("auto");

export const copy = defineStep({
  name: "copy",
  summary: "Copy a tree into an image, with everything that its files carry",
  inputs: {
    from: tree(),
    image: image(),
    method,
    excludes: z
      .array(
        z
          .string()
          .min(1, "must not be empty")
          .refine((text) => !/[\n\0]/.test(text), "must be one line")
          .refine(
            (text) => !FILTER_RULE.test(text),
            "is a filter rule of rsync, not a pattern: write the path with a slash before it",
          ),
      )
      .describe("Patterns of rsync for what is left out; one that begins with a slash starts at the root")
      .default([]),
  },
  outputs: { image: image() },
  tools: { rsync: ["--version"], python3: ["--version"], e2fsck: ["-V"] },
  failures: {
    "disk-too-small": "the tree does not fit; the hint says the size that would do",
    "too-few-inodes": "the disk has fewer inodes than the tree has files",
    "target-not-empty": "`method: populate`, and the image has files",
    "needs-rsync": "`method: populate`, and `excludes`",
    "no-lost-and-found": "the source's lost+found is no folder",
    "copy-failed": "a file could not be read or written; the message names it",
    "fsck-failed": "the image's file system is damaged",
    "needs-root": "only root can mount",
  },
  async check({ method, excludes = [] }) {
    if (method !== "populate" || excludes.length === 0) return [];
    return [
      {
        path: ["excludes"],
        code: "needs-rsync",
        message: "populate copies a whole tree and leaves nothing out",
        hint: "write method: rsync, or auto",
      },
    ];
  },
  async run(step) {
    const { from, image, excludes, method } = step.inputs;
    if (!excludes.includes("/lost+found")) await requireLostAndFound(step, from.path);
    const mayPopulate = method !== "rsync" && excludes.length === 0;
    // Nearly all of its blocks are written here: a raw file takes them faster.
    const disk = await step.openDisk({ image, backing: "file" });
    await checkOpened(step, disk, image, "preen");
    const space = await spaceFor(step, from.path, disk, { excludes });
    const copying = {
      accessTimes: "carried",
      whenFull: () => spaceRanOut(space, disk.sizeBytes),
    } as const;
    if (mayPopulate) {
      const onBytes = (bytes: number) =>
        step.progress(Math.min(bytes, space.needed.bytes), space.needed.bytes, "bytes");
      const direct = { ...copying, from: from.path, state: "fresh", onBytes } as const;
      const { occupiedBy } = await populate(step, disk, direct);
      if (occupiedBy !== undefined && method === "populate") throw targetNotEmpty(occupiedBy);
      if (occupiedBy === undefined) {
        step.log("populate: the file system is fresh, and nothing is left out");
        return { image: await sealChecked(step, disk) };
      }
    }
    // The files come together on a scratch view, by the kernel; the image is written from there.
    const scratch = await step.openDisk({ image });
    await checkOpened(step, scratch, image, "preen");
    const to = await scratch.mount();
    await rsync(step, { from: from.path, to, excludes }, { ...space, diskBytes: disk.sizeBytes });
    await carryRest(step, { from: from.path, to });
    // Only what is on its disk says reliably where a file has holes (lseek(2) on ext4 with writes under way does not).
    await scratch.unmount();
    const merged = await scratch.mount({ readOnly: true });
    await populate(step, disk, { ...copying, from: merged, state: "used" } satisfies Populating);
    await scratch.unmount();
    return { image: await sealChecked(step, disk) };
  },
});

/** Throws TplError `disk-too-small` or `too-few-inodes` where it is certain that not everything fits. */
async function spaceFor(
  step: Pick<StepContext, "tool">,
  from: string,
  disk: Pick<Disk, "read" | "sizeBytes">,
  { excludes }: { excludes: readonly string[] },
): Promise<Space> {
  const space = { needed: await usedOn(step, from), room: roomIn(await readSuperblock(disk)) };
  if (!shortageOf(space, disk.sizeBytes)) return space;
  // The source's whole file system does not fit; that may be more than the tree.
  space.needed = await usedBy(step, from);
  const shortage = shortageOf(space, disk.sizeBytes);
  // What the excludes leave out was counted too: then only trying tells whether the rest fits.
  if (shortage && excludes.length === 0) throw shortage;
  return space;
}

function targetNotEmpty(name: string): TplError {
  return new TplError({
    code: "target-not-empty",
    message: `the image has files already, "/${name}" for one: populate needs a fresh file system`,
    hint: "write method: rsync, or give it the image of ext4/mkfs",
  });
}

/** e2fsck takes a file system whose lost+found is anything else than a folder for a damaged one. */
async function requireLostAndFound(step: Pick<StepContext, "tool">, path: string): Promise<void> {
  const look = [path, "-maxdepth", "1", "-name", "lost+found", "!", "-type", "d", "-print0"];
  const { stdout } = await step.tool("find", look, { quiet: true });
  if (stdout === "") return;
  throw new TplError({
    code: "no-lost-and-found",
    message: "the source's /lost+found is no folder, which no healthy ext4 has",
    hint: "remove it from the source, or leave it out: excludes: [/lost+found]",
  });
}
