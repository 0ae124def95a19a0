/** The chunks of structured replies (proto.md, "Structured reply chunk message" and "Structured reply types"). */
import { CHUNK, CHUNK_FLAG, CHUNK_HEADER_BYTES, type NbdError, STRUCTURED_REPLY_MAGIC } from "./protocol.ts";

/** In UTF-16 units, of which each is at most 3 bytes: the protocol's strings have at most 4096. */
const MAX_MESSAGE_UNITS = 1000;

/** Where a chunk stands in its reply. */
export type ChunkPlace = "final" | "more";

/** `NBD_REPLY_TYPE_NONE`: all is well and there is no more. */
export function endChunk(cookie: Buffer): Buffer {
  return chunk(cookie, CHUNK.NONE, "final", 0, 0);
}

/** The head of `NBD_REPLY_TYPE_OFFSET_DATA`; `length` bytes of data, at least one, follow it. */
export function dataChunkHead(cookie: Buffer, place: ChunkPlace, offset: number, length: number): Buffer {
  const bytes = chunk(cookie, CHUNK.OFFSET_DATA, place, 8, length);
  writeOffset(bytes, offset);
  return bytes;
}

/** `NBD_REPLY_TYPE_OFFSET_HOLE`: `length` zeros, at least one. */
export function holeChunk(cookie: Buffer, place: ChunkPlace, offset: number, length: number): Buffer {
  const bytes = chunk(cookie, CHUNK.OFFSET_HOLE, place, 12, 0);
  writeOffset(bytes, offset);
  bytes.writeUInt32BE(length, CHUNK_HEADER_BYTES + 8);
  return bytes;
}

/** `NBD_REPLY_TYPE_BLOCK_STATUS`; `descriptors`: a length and its status flags in turn. */
export function blockStatusChunk(
  cookie: Buffer,
  place: ChunkPlace,
  contextId: number,
  descriptors: readonly number[],
): Buffer {
  const bytes = chunk(cookie, CHUNK.BLOCK_STATUS, place, 4 + descriptors.length * 4, 0);
  bytes.writeUInt32BE(contextId, CHUNK_HEADER_BYTES);
  descriptors.forEach((value, index) => {
    bytes.writeUInt32BE(value, CHUNK_HEADER_BYTES + 4 + index * 4);
  });
  return bytes;
}

/** `NBD_REPLY_TYPE_ERROR`, the whole reply; `message` is for people. */
export function errorChunk(cookie: Buffer, error: NbdError, message: string): Buffer {
  const text = Buffer.from(message.slice(0, MAX_MESSAGE_UNITS), "utf8");
  const bytes = chunk(cookie, CHUNK.ERROR, "final", 6 + text.length, 0);
  bytes.writeUInt32BE(error, CHUNK_HEADER_BYTES);
  bytes.writeUInt16BE(text.length, CHUNK_HEADER_BYTES + 4);
  text.copy(bytes, CHUNK_HEADER_BYTES + 6);
  return bytes;
}

/** Header and room for `ownBytes` of payload, to which `followingBytes` are added by the caller. */
function chunk(
  cookie: Buffer,
  type: number,
  place: ChunkPlace,
  ownBytes: number,
  followingBytes: number,
): Buffer {
  const bytes = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + ownBytes);
  bytes.writeUInt32BE(STRUCTURED_REPLY_MAGIC, 0);
  bytes.writeUInt16BE(place === "final" ? CHUNK_FLAG.DONE : 0, 4);
  bytes.writeUInt16BE(type, 6);
  cookie.copy(bytes, 8);
  bytes.writeUInt32BE(ownBytes + followingBytes, 16);
  return bytes;
}

function writeOffset(bytes: Buffer, offset: number): void {
  bytes.writeUInt32BE(Math.floor(offset / 2 ** 32), CHUNK_HEADER_BYTES);
  bytes.writeUInt32BE(offset % 2 ** 32, CHUNK_HEADER_BYTES + 4);
}
