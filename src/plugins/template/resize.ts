/**
 * `template/resize`: an image at another size, the short way where that leads there and the long one where it does not.
 * In place, ext4/resize; else a fresh file system with every file copied into it, by nbd/attach-source, ext4/mkfs and
 * rsync/copy. The way follows from the source's superblock, which planning reads: it stands in the plan and in the key.
 */
import * as z from "zod";
import type { ImageArtifact } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import type { PlanContext, StepContext } from "../../engine/plugin/context.ts";
import { image, type Tree } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { within } from "../../engine/plugin/within.ts";
import {
  DEFAULT_BYTES_PER_INODE,
  fileSystemBytes,
  HEAD_BYTES,
  imageSuperblock,
  mkfs,
  newSize,
  newSizeIssues,
  notExt4,
  resize as resizeInPlace,
} from "../ext4/index.ts";
import { attachSource, type FileSystemFacts, foreignIn } from "../nbd/index.ts";
import { copy } from "../rsync/index.ts";
import { chooseWay, type Way } from "./choose-way.ts";

const inputs = {
  image: image({ fileVia: "nbd/import" }),
  ...newSize(),
  features: z
    .array(z.string())
    .min(1, "must name at least one feature")
    .describe("The whole list of features, by the names of ext4(5); default: as they are")
    .optional(),
  bytesPerInode: z
    .int()
    .min(1024, "must be at least 1024")
    .max(67_108_864, "must be at most 67108864 (64 MiB)")
    .describe("A file for every so many bytes; default: as it is")
    .optional(),
  way: z
    .enum(["auto", "in-place", "rebuild"])
    .describe(
      "in-place: the file system is grown or shrunk where it is · rebuild: a fresh one is made and every file copied · auto: in place where features and inode ratio allow it",
    )
    .default("auto"),
};

export const resize = defineStep({
  name: "resize",
  summary: "Give an image another size: in place where that can be done, else rebuilt",
  inputs,
  outputs: { image: image(), way: z.object({ way: z.enum(["in-place", "rebuild"]), why: z.string() }) },
  tools: { ...attachSource.tools, ...mkfs.tools, ...copy.tools, ...resizeInPlace.tools },
  failures: {
    "needs-rebuild":
      "`way: in-place`, and the features or the inode ratio are others; at the template's line",
    "disk-too-small": "the content does not fit; the message says how much is missing",
    "fsck-failed": "the file system is damaged",
    "needs-root": "a rebuild mounts, which only root can",
  },
  async resolve({ image, features, bytesPerInode, way = "auto" }, plan): Promise<Decision> {
    const source = await sourceOf(image!, plan);
    const chosen = chooseWay(source, { features, bytesPerInode }, way);
    return { ...chosen, bytesPerInode: bytesPerInode ?? bytesPerInodeOf(source) };
  },
  note: ({ way, why }) => `${way === "rebuild" ? "rebuilds" : "in place"}: ${why}`,
  async check({ image, sizeMiB, freeMiB, features, bytesPerInode, way }, plan) {
    const issues = newSizeIssues({ sizeMiB, freeMiB });
    if (way !== "in-place" || !image) return issues;
    const chosen = chooseWay(await sourceOf(image, plan), { features, bytesPerInode }, way);
    if (chosen.way === "in-place") return issues;
    return [...issues, { path: ["way"], ...needsRebuild(chosen.why) }];
  },
  async run(step) {
    const { way, why, bytesPerInode } = step.resolved as Decision;
    step.log(`${way}: ${why}`);
    if (step.inputs.way === "in-place" && way === "rebuild") throw new TplError(needsRebuild(why));
    const { image, sizeMiB, freeMiB, features } = step.inputs;
    const made =
      way === "in-place"
        ? await within<Made>(step, resizeInPlace, { image, sizeMiB, freeMiB })
        : await rebuild(step, { image, sizeMiB, freeMiB, features, bytesPerInode });
    return { image: made.image, way: { way, why } };
  },
});

/** Planning finds it out where the source is there already; else it shows when the source was built. */
function needsRebuild(why: string) {
  return {
    code: "needs-rebuild",
    message: `it cannot be done in place: ${why}`,
    hint: "write way: rebuild, or auto",
  };
}

/** What a rebuilt file system gets for its inode ratio stands beside the way. */
type Decision = Way & { bytesPerInode: number };

/** Its superblock, or the type of another file system that can be attached. Throws TplError `not-ext4`. */
async function sourceOf(image: ImageArtifact, plan: PlanContext) {
  const superblock = await imageSuperblock(plan, image);
  if (superblock) return superblock;
  const foreign = foreignIn(await plan.imageHead(image, HEAD_BYTES));
  if (foreign) return foreign.facts.type;
  throw notExt4();
}

function bytesPerInodeOf(source: Awaited<ReturnType<typeof sourceOf>>): number {
  if (typeof source === "string") return DEFAULT_BYTES_PER_INODE;
  return Math.max(1024, Math.round(fileSystemBytes(source) / source.inodes));
}

type Made = { image: ImageArtifact };

interface Rebuild {
  image: ImageArtifact;
  sizeMiB: number | undefined;
  freeMiB: number | undefined;
  features: string[] | undefined;
  bytesPerInode: number;
}

async function rebuild(step: StepContext, wanted: Rebuild): Promise<Made> {
  const { sizeMiB, freeMiB, features, bytesPerInode } = wanted;
  const source = await within<{ tree: Tree; facts: FileSystemFacts }>(step, attachSource, {
    from: wanted.image,
    read: "whole",
  });
  const { facts } = source;
  const fresh = await within<Made>(step, mkfs, {
    sizeMiB: sizeMiB ?? roomFor(facts.usedMiB + freeMiB!),
    ...(features ? { features } : madeWith(facts)),
    ...labelOf(facts),
    bytesPerInode,
  });
  const copied = await within<Made>(step, copy, { from: source.tree, image: fresh.image });
  if (freeMiB === undefined) return copied;
  // How much the files take in the new file system is known only now.
  return within<Made>(step, resizeInPlace, { image: copied.image, freeMiB });
}

/** A tenth for the journal and the tables; the exact size is solved for afterwards. */
function roomFor(mib: number): number {
  return Math.ceil(mib * 1.1) + 64;
}

/** Features of the source, as far as mke2fs can be told of them: not what shows only that it is in use. */
function madeWith({ type, features }: FileSystemFacts) {
  if (type !== "ext4") return {};
  return { features: features.filter((name) => name !== "needs_recovery" && name !== "orphan_present") };
}

/** At most 16 bytes go into ext4's superblock, and other file systems' may be longer. */
function labelOf({ label }: FileSystemFacts) {
  return label === "" || Buffer.byteLength(label) > 16 ? {} : { label };
}
