/** `ext4/fsck`: the image, its file system checked and, where the policy allows it, repaired. */
import * as z from "zod";
import { image } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { checkOpened, isKnownClean, sealChecked } from "./checked-image.ts";

export const fsck = defineStep({
  name: "fsck",
  summary: "Check an ext4 image, and repair it",
  inputs: {
    image: image(),
    repair: z
      .enum(["preen", "yes", "check-only"])
      .describe(
        "preen: what is safe without asking, the journal included · yes: whatever it takes · check-only: write nothing, fail at the first fault",
      )
      .default("preen"),
  },
  outputs: { image: image() },
  tools: { e2fsck: ["-V"] },
  failures: {
    "not-ext4": "the image holds another file system, or none",
    "fsck-failed": "errors are left that the policy does not allow to repair",
  },
  async run(step) {
    const { image, repair } = step.inputs;
    if (await isKnownClean(step, image)) {
      step.log("found clean before; it has not changed since");
      return { image };
    }
    const disk = await step.openDisk({ image, readOnly: repair === "check-only", usedBy: "tools" });
    const { written } = await checkOpened(step, disk, image, repair);
    return { image: written ? await sealChecked(step, disk) : image };
  },
});
