/**
 * `nbd/attach-source`: an image as a tree to read from. It is checked before the kernel sees it, on a private
 * copy-on-write view: a journal that is to be replayed is replayed there, and the stored image stays as it is.
 */
import * as z from "zod";
import { image, tree, unkeyed } from "../../engine/plugin/port.ts";
import { defineResource } from "../../engine/plugin/step.ts";
import { checkSource } from "./check-source.ts";
import { fileSystemFacts } from "./file-system-facts.ts";

export const attachSource = defineResource({
  name: "attach-source",
  summary: "Attach an image, checked, and mount it read-only",
  inputs: {
    from: image({ fileVia: "nbd/import" }),
    repair: z
      .enum(["preen", "yes"])
      .describe(
        "How far the check before the mount may go, on the view: preen, or yes for a source that is known to be damaged",
      )
      .default("preen"),
    read: unkeyed(
      z
        .enum(["on-demand", "whole"])
        .describe(
          "on-demand: what is read is fetched · whole: all of it is, into a file, which is faster to copy a whole tree from",
        )
        .default("on-demand"),
    ),
    checkSeconds: unkeyed(
      z
        .number()
        .positive()
        .max(86_400)
        .describe("How long the check may take before the source is given up")
        .default(600),
    ),
  },
  outputs: { tree: tree(), facts: fileSystemFacts },
  // The checkers of xfs and btrfs are run where a source has one of these: they are not asked for otherwise.
  tools: { e2fsck: ["-V"] },
  failures: {
    "fsck-failed":
      'the file system is damaged, or an xfs was not unmounted: `repair: "yes"` works on the view',
    "not-ext4": "there is no ext4, xfs or btrfs in the image",
    "tool-timeout": "the check took longer than `checkSeconds`",
    "unknown-file-system": "a btrfs over several devices",
    "needs-root": "only root can mount",
  },
  async acquire(step) {
    const { from, repair, read, checkSeconds } = step.inputs;
    const disk = await step.openDisk({ image: from, backing: read === "whole" ? "file" : "view" });
    const facts = await checkSource(step, disk, from, {
      repair,
      timeoutMs: checkSeconds * 1000,
    });
    // Nothing of a source is to run or to open a device here; its modes and attributes can be read all the same.
    const options = ["nodev", "nosuid", "noexec"];
    // Another image of the same origin may be attached at the same time.
    if (facts.type === "xfs") options.push("nouuid");
    return {
      tree: { path: await disk.mount({ type: facts.type, readOnly: true, options }), readOnly: true },
      facts,
    };
  },
});
