/** The superblock of a stored image, while planning: nothing is opened for it, and it is remembered. */
import type { ImageArtifact } from "../../engine/artifact.ts";
import type { PlanContext } from "../../engine/plugin/context.ts";
import { SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET, type Superblock, superblockIn } from "./superblock.ts";

/** Undefined: it holds no ext4 file system. Throws ArtifactDamaged. */
export async function imageSuperblock(
  plan: Pick<PlanContext, "imageHead">,
  image: ImageArtifact,
): Promise<Superblock | undefined> {
  return superblockIn(await plan.imageHead(image, SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES));
}
