/** Sees to it that the file system of an open disk can be cut to a size, or says what is missing. */
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { diskTooSmall } from "./disk-too-small.ts";
import { minimumBlocks } from "./resize2fs.ts";
import { shrinkToMinimum } from "./shrink-to-minimum.ts";
import { fileSystemBytes, type Superblock } from "./superblock.ts";

/**
 * The file system was checked just before. The estimate of `resize2fs -P` is far above the truth on a large file
 * system with little in it, and resize2fs refuses to go below: then only shrinking it tells. Throws TplError
 * `disk-too-small`.
 */
export async function makeRoom(
  step: Pick<StepContext, "tool" | "log">,
  disk: Pick<Disk, "file" | "read">,
  superblock: Superblock,
  sizeBytes: number,
  clock: Record<string, string>,
): Promise<void> {
  const estimateBytes = (await minimumBlocks(step, disk, clock)) * superblock.blockSizeBytes;
  if (estimateBytes <= sizeBytes) return;
  const neededBytes = fileSystemBytes(await shrinkToMinimum(step, disk, clock));
  if (neededBytes <= sizeBytes) return;
  throw diskTooSmall({
    what: "the content of the image",
    neededBytes,
    availableBytes: sizeBytes,
    diskBytes: sizeBytes,
  });
}
