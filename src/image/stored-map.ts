/** Chunk maps in a store: a map is a blob, and its digest is the image's. */
import { hash } from "node:crypto";
import type { Digest, ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";
import type { ChunkMap } from "./map.ts";
import { badMap, decodeMap, encodeMap } from "./map-format.ts";

/** The digest of the image that the map describes. */
export function mapDigest(map: ChunkMap): Digest {
  return `sha256:${hash("sha256", encodeMap(map))}`;
}

/** Reads an image's map. Throws ArtifactDamaged where the blob is missing or corrupt, TplError `bad-map` where it is no map. */
export async function loadMap(blobs: BlobStore, image: ImageArtifact): Promise<ChunkMap> {
  let bytes: Buffer;
  try {
    bytes = await blobs.get(image.digest);
  } catch (error) {
    throw asDamagedImage(error, image.digest);
  }
  const map = decodeMap(bytes);
  if (map.sizeBytes !== image.bytes) {
    throw badMap(`it is of an image of ${map.sizeBytes} bytes, where ${image.bytes} were expected`);
  }
  return map;
}

/** Stores a map, whose chunks must be in the store already; what comes back names the image. */
export async function storeMap(blobs: BlobStore, map: ChunkMap): Promise<ImageArtifact> {
  const bytes = encodeMap(map);
  const digest: Digest = `sha256:${hash("sha256", bytes)}`;
  await blobs.put(digest, bytes);
  return { type: "image", digest, bytes: map.sizeBytes };
}

/** What a store's error means for image `digest`: a missing or corrupt blob is a damaged image; any other stays as it is. */
export function asDamagedImage(error: unknown, digest: Digest): unknown {
  if (!(error instanceof TplError)) return error;
  const { code } = error;
  if (code !== "blob-missing" && code !== "blob-corrupt") return error;
  return new ArtifactDamaged({ code, digest, message: `image ${digest}: ${error.message}`, cause: error });
}
