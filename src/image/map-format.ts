/**
 * The bytes of a chunk map. Canonical: equal content and size give equal bytes, hence the same image digest;
 * whatever else decodes to the same map is refused. Version 1, all numbers big-endian:
 *
 *     0   8  magic "tplchmap"
 *     8   4  version, 1
 *    12   4  chunk size in bytes, 65536
 *    16   8  size of the image in bytes
 *    24   4  number of runs
 *    28   4  number of present chunks
 *    32  8r  runs, ascending, neither adjacent nor empty: index of the first chunk (4), number of chunks (4)
 *     …  32  a digest for each present chunk, in the order of the chunks
 */
import { TplError } from "../engine/errors.ts";
import {
  CHUNK_BYTES,
  type ChunkMap,
  chunkCount,
  DIGEST_BYTES,
  MAX_IMAGE_BYTES,
  ZERO_CHUNK_DIGEST,
} from "./map.ts";

const MAGIC = Buffer.from("tplchmap", "latin1");
const VERSION = 1;
const HEADER_BYTES = 32;
const RUN_BYTES = 8;

/** The canonical bytes of a map, as in the head of this file. */
export function encodeMap(map: ChunkMap): Buffer {
  const runCount = map.runs.length / 3;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + runCount * RUN_BYTES + map.digests.length);
  MAGIC.copy(bytes);
  bytes.writeUInt32BE(VERSION, 8);
  bytes.writeUInt32BE(CHUNK_BYTES, 12);
  bytes.writeBigUInt64BE(BigInt(map.sizeBytes), 16);
  bytes.writeUInt32BE(runCount, 24);
  bytes.writeUInt32BE(map.digests.length / DIGEST_BYTES, 28);
  let at = HEADER_BYTES;
  for (let run = 0; run < map.runs.length; run += 3) {
    bytes.writeUInt32BE(map.runs[run]!, at);
    bytes.writeUInt32BE(map.runs[run + 1]!, at + 4);
    at += RUN_BYTES;
  }
  map.digests.copy(bytes, at);
  return bytes;
}

/** Reads what `encodeMap` wrote. Whatever is not canonical is refused with TplError `bad-map`. The map keeps `bytes`. */
export function decodeMap(bytes: Buffer): ChunkMap {
  if (bytes.length < HEADER_BYTES) throw badMap("it is shorter than a header");
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badMap("it does not begin with a chunk map's magic");
  const version = bytes.readUInt32BE(8);
  if (version !== VERSION) throw badMap(`its version is ${version}, this program reads ${VERSION}`);
  if (bytes.readUInt32BE(12) !== CHUNK_BYTES) throw badMap(`its chunk size is not ${CHUNK_BYTES}`);
  const sizeBytes = Number(bytes.readBigUInt64BE(16));
  if (sizeBytes > MAX_IMAGE_BYTES) throw badMap("its image is too large");
  const runCount = bytes.readUInt32BE(24);
  const present = bytes.readUInt32BE(28);
  const digestsAt = HEADER_BYTES + runCount * RUN_BYTES;
  if (bytes.length !== digestsAt + present * DIGEST_BYTES) throw badMap("its length does not fit its counts");

  const runs = decodeRuns(bytes, runCount);
  const last = runs.length - 3;
  if ((last < 0 ? 0 : runs[last + 1]! + runs[last + 2]!) !== present) {
    throw badMap("its runs do not add up to its present chunks");
  }
  if (last >= 0 && runs[last]! + runs[last + 1]! > chunkCount(sizeBytes)) {
    throw badMap("it names a chunk past the end of the image");
  }
  const digests = bytes.subarray(digestsAt);
  if (includesDigest(digests, ZERO_CHUNK_DIGEST)) throw badMap("it lists a chunk of zeros");
  return { sizeBytes, runs, digests };
}

function decodeRuns(bytes: Buffer, runCount: number): Uint32Array {
  const runs = new Uint32Array(runCount * 3);
  let place = 0;
  let end = -1;
  for (let run = 0; run < runCount; run++) {
    const first = bytes.readUInt32BE(HEADER_BYTES + run * RUN_BYTES);
    const count = bytes.readUInt32BE(HEADER_BYTES + run * RUN_BYTES + 4);
    if (count === 0 || first <= end) throw badMap("its runs are empty, adjacent or out of order");
    runs[run * 3] = first;
    runs[run * 3 + 1] = count;
    runs[run * 3 + 2] = place;
    place += count;
    end = first + count;
  }
  return runs;
}

function includesDigest(digests: Buffer, digest: Buffer): boolean {
  for (let at = digests.indexOf(digest); at >= 0; at = digests.indexOf(digest, at + 1)) {
    if (at % DIGEST_BYTES === 0) return true;
  }
  return false;
}

export function badMap(reason: string): TplError {
  return new TplError({
    code: "bad-map",
    message: `not a chunk map of this program: ${reason}`,
    hint: "build the image again",
  });
}
