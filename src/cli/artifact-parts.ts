/** What an artifact consists of beside the blob that its digest names: for verifying, and for telling whether it is whole. */
import type { Artifact, Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";

export async function artifactParts(artifact: Artifact, blobs: BlobStore): Promise<Digest[]> {
  if (artifact.type === "image") {
    const { imageParts } = await import("../image/index.ts");
    return imageParts(blobs, artifact);
  }
  if (artifact.type === "snapshot") {
    const { parseManifest, partsOf } = await import("../vm/snapshot.ts");
    const manifest = parseManifest(await blobs.get(artifact.digest));
    const images = await Promise.all(
      [manifest.disk, manifest.memory].map((image) => artifactParts(image, blobs)),
    );
    return [...partsOf(manifest), ...images.flat()];
  }
  return [];
}
