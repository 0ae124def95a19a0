/** What an artifact consists of beside the blob that its digest names: for verifying, and for telling whether it is whole. */
import type { Artifact, Digest, ImageArtifact } from "../engine/artifact.ts";
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

/** The images inside a snapshot: its disk and its memory. */
export async function innerImages(artifact: Artifact, blobs: BlobStore): Promise<ImageArtifact[]> {
  if (artifact.type !== "snapshot") return [];
  const { parseManifest } = await import("../vm/snapshot.ts");
  const { disk, memory } = parseManifest(await blobs.get(artifact.digest));
  return [disk, memory];
}
