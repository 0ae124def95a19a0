/** The superblock of a stored image, while planning: nothing is opened for it, and it is remembered. */
import type { ImageArtifact } from "../../engine/artifact.ts";
import type { PlanContext } from "../../engine/plugin/context.ts";
import { notExt4 } from "./read-superblock.ts";
import { SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET, type Superblock, superblockIn } from "./superblock.ts";

/** Throws TplError `not-ext4`, ArtifactDamaged. */
export async function imageSuperblock(
  plan: Pick<PlanContext, "imageHead">,
  image: ImageArtifact,
): Promise<Superblock> {
  const head = await plan.imageHead(image, SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES);
  const superblock = superblockIn(head);
  if (!superblock) throw notExt4();
  return superblock;
}
