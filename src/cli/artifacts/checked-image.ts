/** An image as its file system would be after a check, for whoever wants to read it. */
import type { ImageArtifact } from "../../engine/artifact.ts";
import type { Store } from "../../store/store.ts";
import type { Cli } from "../command.ts";
import { debugLog } from "../debug-log.ts";
import { withStepContext } from "../step-surroundings.ts";

/**
 * The image itself where its file system was unmounted cleanly, or is none. Else its journal is replayed on a view,
 * as e2fsck does it, and what comes of that is stored (what nothing names is collected as garbage).
 */
export async function checkedImage(
  cli: Cli,
  store: Store,
  image: ImageArtifact,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  const { e2fsck, HEAD_BYTES, superblockIn } = await import("../../plugins/ext4/index.ts");
  const { readImageHead } = await import("../../image/read-head.ts");
  const superblock = superblockIn(await readImageHead(store.blobs, image, HEAD_BYTES));
  if (!superblock?.features.includes("needs_recovery")) return image;
  const log = await debugLog(cli.flags);
  const { err: tell } = cli.terminal;
  return await withStepContext({ store, name: "diff", signal, log, tell }, async (step) => {
    const disk = await step.openDisk({ image });
    await e2fsck(step, disk, "preen");
    return await disk.seal();
  });
}
