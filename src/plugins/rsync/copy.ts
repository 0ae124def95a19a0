/**
 * `rsync/copy`: every file of a tree into an image, with everything that a file carries: owners by number, modes,
 * times, hard links, symlinks, devices, sockets, fifos, ACLs, extended attributes (file capabilities among them),
 * holes, the flags of chattr (immutable, append-only) and project ids. The root directory's own come along.
 */
import * as z from "zod";
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { image, tree } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { carryFlags, populate } from "./populate.ts";
import { rsync } from "./rsync.ts";
import { roomOn, shortageOf, usedBy, usedOn } from "./space.ts";

/** rsync reads a rule that begins like this as something else than a pattern (rsync(1), FILTER RULES). */
const FILTER_RULE = /^([-+] |!)/;

const method = z
  .enum(["auto", "rsync", "populate"])
  .describe(
    "rsync: into any image, anything left out · populate: a whole tree into a fresh file system, faster, and paths of any length · auto: populate where it can",
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
  tools: { rsync: ["--version"], python3: ["--version"] },
  failures: {
    "disk-too-small": "the tree does not fit; the hint says the size that would do",
    "too-few-inodes": "the disk has fewer inodes than the tree has files",
    "target-not-empty": "`method: populate`, and the image has files",
    "needs-rsync": "`method: populate`, and `excludes`",
    "no-lost-and-found": "the source's lost+found is no folder",
    "copy-failed": "a file could not be read or written; the message names it",
    "needs-root": "only root can mount",
  },
  // The kernel stamps what it writes with the machine's clock (change times, the order of blocks).
  reproducible: false,
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
    // A fresh file system has little in it and gets nearly all of its blocks here: a raw file takes them faster. There
    // a barrier would flush to the machine's disk what is scratch until it is sealed.
    const disk = await step.openDisk({ image, backing: mayPopulate ? "file" : "view" });
    const to = await disk.mount({ options: mayPopulate ? ["discard", "nobarrier"] : ["discard"] });
    const { sizeBytes: diskBytes } = disk;
    const space = { needed: await usedOn(step, from.path), room: await roomOn(step, to), diskBytes };
    if (shortageOf(space, diskBytes)) {
      // The source's whole file system does not fit; that may be more than the tree.
      space.needed = await usedBy(step, from.path);
      const shortage = shortageOf(space, diskBytes);
      // What the excludes leave out was counted too: then only trying tells whether the rest fits.
      if (shortage && excludes.length === 0) throw shortage;
    }
    const trees = { from: from.path, to };
    if (mayPopulate && (await isFresh(step, to, method))) {
      step.log("populate: the file system is fresh, and nothing is left out");
      await populate(step, trees, space);
    } else {
      await rsync(step, { ...trees, excludes }, space);
      await carryFlags(step, trees);
    }
    await disk.unmount();
    return { image: await disk.seal() };
  },
});

/** Nothing but lost+found. Throws TplError `target-not-empty` where only such a one will do. */
async function isFresh(step: Pick<StepContext, "tool">, path: string, method: string): Promise<boolean> {
  const look = [path, "-mindepth", "1", "-maxdepth", "1", "!", "-name", "lost+found", "-print0", "-quit"];
  const { stdout } = await step.tool("find", look, { quiet: true });
  if (stdout === "") return true;
  if (method !== "populate") return false;
  throw new TplError({
    code: "target-not-empty",
    message: `the image has files already, ${JSON.stringify(stdout.slice(path.length, -1))} for one: populate needs a fresh file system`,
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
