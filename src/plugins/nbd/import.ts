/**
 * `nbd/import`: an image from a raw file of the host with any file system that `nbd/attach-source` can attach. What
 * `from: { file: PATH }` becomes there. Which one it is shows in the first bytes, while planning.
 */
import { importStep, MIB, rawFileFault } from "../ext4/index.ts";
import { foreignIn } from "./foreign-superblock.ts";

export const importFile = importStep({
  summary: "Take in a raw file with a file system to attach: ext4, xfs or btrfs",
  async faultOf(file, head, sizeBytes) {
    const foreign = foreignIn(head);
    if (!foreign) return rawFileFault(file, head, sizeBytes);
    const { type, sizeMiB } = foreign.facts;
    const bytes = await sizeBytes();
    if (bytes >= sizeMiB * MIB) return undefined;
    return {
      code: "file-cut-short",
      message: `${file} has ${bytes} bytes, but its ${type} has ${sizeMiB} MiB`,
      hint: "it was not copied to its end: copy it again",
    };
  },
});
