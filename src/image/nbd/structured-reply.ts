/** The chunks of structured replies (proto.md, "Structured reply chunk message" and "Structured reply types"). */
import { CHUNK, CHUNK_FLAG, CHUNK_HEADER_BYTES, type NbdError, STRUCTURED_REPLY_MAGIC } from "./protocol.ts";
import type { Cookie } from "./request.ts";

/** In UTF-16 units, of which each is at most 3 bytes: the protocol's strings have at most 4096. */
const MAX_MESSAGE_UNITS = 1000;

/** Where a chunk stands in its reply. */
export type ChunkPlace = "final" | "more";

/** Of a chunk's head and the offset behind it. */
export const DATA_HEAD_BYTES = CHUNK_HEADER_BYTES + 8;
/** Of a whole chunk for a hole. */
export const HOLE_BYTES = CHUNK_HEADER_BYTES + 12;

interface Range {
  offset: number;
  length: number;
}

/** `NBD_REPLY_TYPE_NONE`: all is well and there is no more. */
export function endChunk(cookie: Cookie): Buffer {
  return chunk(cookie, CHUNK.NONE, "final", 0);
}

/** The head of `NBD_REPLY_TYPE_OFFSET_DATA` at `at` of a reply; `length` bytes of data, at least one, follow it. */
export function writeDataHead(
  reply: Buffer,
  at: number,
  cookie: Cookie,
  place: ChunkPlace,
  { offset, length }: Range,
): void {
  writeHeader(reply, at, cookie, { type: CHUNK.OFFSET_DATA, place, payloadBytes: 8 + length });
  writeOffset(reply, at + CHUNK_HEADER_BYTES, offset);
}

/** `NBD_REPLY_TYPE_OFFSET_HOLE` at `at` of a reply: `length` zeros, at least one. */
export function writeHole(
  reply: Buffer,
  at: number,
  cookie: Cookie,
  place: ChunkPlace,
  { offset, length }: Range,
): void {
  writeHeader(reply, at, cookie, { type: CHUNK.OFFSET_HOLE, place, payloadBytes: 12 });
  writeOffset(reply, at + CHUNK_HEADER_BYTES, offset);
  reply.writeUInt32BE(length, at + CHUNK_HEADER_BYTES + 8);
}

/** `NBD_REPLY_TYPE_BLOCK_STATUS`; `descriptors`: a length and its status flags in turn. */
export function blockStatusChunk(
  cookie: Cookie,
  place: ChunkPlace,
  contextId: number,
  descriptors: readonly number[],
): Buffer {
  const bytes = chunk(cookie, CHUNK.BLOCK_STATUS, place, 4 + descriptors.length * 4);
  bytes.writeUInt32BE(contextId, CHUNK_HEADER_BYTES);
  descriptors.forEach((value, index) => {
    bytes.writeUInt32BE(value, CHUNK_HEADER_BYTES + 4 + index * 4);
  });
  return bytes;
}

/** `NBD_REPLY_TYPE_ERROR`, the whole reply; `message` is for people. */
export function errorChunk(cookie: Cookie, error: NbdError, message: string): Buffer {
  const text = Buffer.from(message.slice(0, MAX_MESSAGE_UNITS), "utf8");
  const bytes = chunk(cookie, CHUNK.ERROR, "final", 6 + text.length);
  bytes.writeUInt32BE(error, CHUNK_HEADER_BYTES);
  bytes.writeUInt16BE(text.length, CHUNK_HEADER_BYTES + 4);
  text.copy(bytes, CHUNK_HEADER_BYTES + 6);
  return bytes;
}

/** Header and room for the payload. */
function chunk(cookie: Cookie, type: number, place: ChunkPlace, payloadBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + payloadBytes);
  writeHeader(bytes, 0, cookie, { type, place, payloadBytes });
  return bytes;
}

function writeHeader(
  bytes: Buffer,
  at: number,
  { cookieHigh, cookieLow }: Cookie,
  { type, place, payloadBytes }: { type: number; place: ChunkPlace; payloadBytes: number },
): void {
  bytes.writeUInt32BE(STRUCTURED_REPLY_MAGIC, at);
  bytes.writeUInt16BE(place === "final" ? CHUNK_FLAG.DONE : 0, at + 4);
  bytes.writeUInt16BE(type, at + 6);
  bytes.writeUInt32BE(cookieHigh, at + 8);
  bytes.writeUInt32BE(cookieLow, at + 12);
  bytes.writeUInt32BE(payloadBytes, at + 16);
}

function writeOffset(bytes: Buffer, at: number, offset: number): void {
  bytes.writeUInt32BE(Math.floor(offset / 2 ** 32), at);
  bytes.writeUInt32BE(offset % 2 ** 32, at + 4);
}
