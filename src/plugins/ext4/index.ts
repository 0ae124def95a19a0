/** The plugin `ext4`: file systems made, checked, resized, tuned, and taken in from files, all by e2fsprogs. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { fsck } from "./fsck.ts";
import { importFile } from "./import.ts";
import { mkfs } from "./mkfs.ts";
import { resize } from "./resize.ts";
import { shrink } from "./shrink.ts";
import { tune } from "./tune.ts";

export { checkOpened, sealChecked } from "./checked-image.ts";
export { diskTooSmall } from "./disk-too-small.ts";
export { e2fsck } from "./e2fsck.ts";
export { clockOf, fixedClock } from "./fixed-clock.ts";
export { HEAD_BYTES } from "./identify.ts";
export { imageSuperblock } from "./image-superblock.ts";
export { importStep } from "./import-step.ts";
export { DEFAULT_BYTES_PER_INODE, mke2fsArguments } from "./mke2fs.ts";
export { newSize, newSizeIssues } from "./new-size.ts";
export { label, MIB, sizeMiB } from "./options.ts";
export { placeOfBlock } from "./place-of-block.ts";
export { type Populating, populate } from "./populate/populate.ts";
export { runTreeScript } from "./populate/tree-script.ts";
export { rawFileFault } from "./raw-file-fault.ts";
export { notExt4, readSuperblock } from "./read-superblock.ts";
export {
  fileSystemBytes,
  SUPERBLOCK_OFFSET,
  type Superblock,
  superblockIn,
} from "./superblock.ts";
export { compareTrees, type FileDifference } from "./tree/compare-trees.ts";
export { type FileFinder, type FoundFile, fileFinder } from "./tree/find-files.ts";
export type { TreeEntry } from "./tree/list-tree.ts";
export { shownPath } from "./tree/shown-path.ts";
export { mkfs, resize };

export default definePlugin({
  name: "ext4",
  summary: "ext4 file systems: made, checked, resized, imported",
  steps: [mkfs, fsck, resize, shrink, tune, importFile],
});
