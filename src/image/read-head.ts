/** The first bytes of a stored image: for a look at what it holds. */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { loadMap } from "./stored-map.ts";
import { openView } from "./view.ts";

/** Fewer than `lengthBytes` where the image is shorter. Throws ArtifactDamaged. */
export async function readImageHead(
  blobs: BlobStore,
  image: ImageArtifact,
  lengthBytes: number,
): Promise<Buffer> {
  const view = await openView({
    blobs,
    map: await loadMap(blobs, image),
    overlayPath: "",
    readOnly: true,
  });
  try {
    return Buffer.from(await view.read(0, Math.min(lengthBytes, view.sizeBytes)));
  } catch (error) {
    throw view.fault() ?? error;
  } finally {
    await view.close();
  }
}
