/**
 * `nbd/attach-source`: an image as a tree to read from. It is checked before the kernel sees it, on a private
 * copy-on-write view: a journal that is to be replayed is replayed there, and the stored image stays as it is.
 */
import * as z from "zod";
import { image, tree } from "../../engine/plugin/port.ts";
import { defineResource } from "../../engine/plugin/step.ts";
import { clockOf, e2fsck, readSuperblock } from "../ext4/index.ts";
import { factsOf, fileSystemFacts } from "./file-system-facts.ts";

export const attachSource = defineResource({
  name: "attach-source",
  summary: "Attach an image over NBD, checked, and mount it read-only",
  inputs: {
    from: image(),
    repair: z
      .enum(["preen", "yes"])
      .describe(
        "How far the check before the mount may go, on the view: preen, or yes for a source that is known to be damaged",
      )
      .default("preen"),
  },
  outputs: { tree: tree(), facts: fileSystemFacts },
  tools: { e2fsck: ["-V"] },
  async acquire(step) {
    const { from, repair } = step.inputs;
    const disk = await step.openDisk({ image: from });
    const file = await disk.file();
    const { corrected } = await e2fsck(step, file, repair, clockOf(await readSuperblock(step, file)));
    if (corrected) step.log("the source was repaired on the view; the stored image is unchanged");
    const facts = factsOf(await readSuperblock(step, file));
    return { tree: { path: await disk.mount({ readOnly: true }), readOnly: true }, facts };
  },
});
