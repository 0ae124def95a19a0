/** Chunk maps in a store: a map's root and its segments are blobs, and the root's digest is the image's. */
import { hash } from "node:crypto";
import type { Digest, ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { badMap } from "./bad-map.ts";
import { type ChunkMap, chunkDigests } from "./map.ts";
import { type DecodedMap, decodeMap, encodeMap } from "./map-format.ts";

/** The digest of the image that the map describes. */
export function mapDigest(map: ChunkMap): Digest {
  return `sha256:${hash("sha256", encodeMap(map).root)}`;
}

/** Reads an image's map. Throws ArtifactDamaged where a blob is missing or corrupt, TplError `bad-map` where it is no map. */
export async function loadMap(blobs: BlobStore, image: ImageArtifact): Promise<ChunkMap> {
  return (await load(blobs, image)).map;
}

/** Every blob that an image consists of beside the one its digest names: its map's segments, its chunks. Throws as `loadMap`. */
export async function imageParts(blobs: BlobStore, image: ImageArtifact): Promise<Digest[]> {
  const { map, segments } = await load(blobs, image);
  return [...segments, ...chunkDigests(map)];
}

const SEGMENTS_AT_A_TIME = 8;

/** Stores a map, whose chunks must be in the store already; what comes back names the image. */
export async function storeMap(blobs: BlobStore, map: ChunkMap): Promise<ImageArtifact> {
  const { root, segments } = encodeMap(map);
  await inParallel(segments, SEGMENTS_AT_A_TIME, async ({ digest, bytes }) => {
    await blobs.put(digest, bytes);
  });
  const digest: Digest = `sha256:${hash("sha256", root)}`;
  await blobs.put(digest, root);
  return { type: "image", digest, bytes: map.sizeBytes };
}

/** What a store's error means for image `digest`: a blob that cannot be had is a damaged image; any other stays as it is. */
export function asDamagedImage(error: unknown, digest: Digest): unknown {
  if (!(error instanceof TplError)) return error;
  const { code } = error;
  if (code !== "blob-missing" && code !== "blob-corrupt" && code !== "store-unreachable") return error;
  return new ArtifactDamaged({ code, digest, message: `image ${digest}: ${error.message}`, cause: error });
}

async function load(blobs: BlobStore, image: ImageArtifact): Promise<DecodedMap> {
  const get = async (digest: Digest) => {
    try {
      return await blobs.get(digest);
    } catch (error) {
      throw asDamagedImage(error, image.digest);
    }
  };
  const decoded = await decodeMap(await get(image.digest), get);
  if (decoded.map.sizeBytes === image.bytes) return decoded;
  throw badMap(`it is of an image of ${decoded.map.sizeBytes} bytes, where ${image.bytes} were expected`);
}
