/**
 * A read answered with what is data and what is a hole (proto.md, "Request types", `NBD_CMD_READ`, "Structured
 * replies"): holes cost neither a read nor the sending of zeros.
 */
import type { BlockDevice } from "../device.ts";
import type { PayloadBuffers } from "./payload-buffers.ts";
import { CMD_FLAG } from "./protocol.ts";
import { fill, whenFilled } from "./read-reply.ts";
import type { Request } from "./request.ts";
import {
  type ChunkPlace,
  DATA_HEAD_BYTES,
  endChunk,
  HOLE_BYTES,
  writeDataHead,
  writeHole,
} from "./structured-reply.ts";

/** Sending shorter holes as data costs less than a chunk, and one more call to the device, each. */
const MIN_HOLE_BYTES = 32768;

interface Piece {
  kind: "data" | "hole";
  offset: number;
  length: number;
}

/** The whole reply. Rejects when any part of the range cannot be read, and then nothing of it is running. */
export function structuredRead(
  request: Request,
  device: BlockDevice,
  buffers: PayloadBuffers,
): Buffer | Promise<Buffer> {
  if (request.length === 0) return endChunk(request);
  const pieces = piecesOf(request, device);
  const length = pieces.reduce((sum, piece) => sum + bytesOf(piece), 0);
  const reply = buffers.take(length);
  const reads: Promise<void>[] = [];
  let at = 0;
  for (const piece of pieces) {
    const end = at + bytesOf(piece);
    const place: ChunkPlace = end === length ? "final" : "more";
    if (piece.kind === "hole") {
      writeHole(reply, at, request, place, piece);
    } else {
      writeDataHead(reply, at, request, place, piece);
      const read = fill(reply.subarray(at + DATA_HEAD_BYTES, end), device, piece.offset);
      if (read) reads.push(read);
    }
    at = end;
  }
  return whenFilled(reply, reads, buffers);
}

function bytesOf({ kind, length }: Piece): number {
  return kind === "hole" ? HOLE_BYTES : DATA_HEAD_BYTES + length;
}

/** With `NBD_CMD_FLAG_DF` ("Command flags") a single one. */
function piecesOf(request: Request, device: BlockDevice): Piece[] {
  const { offset, length } = request;
  const whole: Piece = { kind: "data", offset, length };
  if (!device.extents || length < MIN_HOLE_BYTES) return [whole];
  const alike: Piece[] = [];
  let at = offset;
  for (const extent of device.extents(offset, length)) {
    append(alike, { kind: extent.kind, offset: at, length: extent.lengthBytes });
    at += extent.lengthBytes;
  }
  const pieces: Piece[] = [];
  for (const piece of alike)
    append(pieces, piece.length < MIN_HOLE_BYTES ? { ...piece, kind: "data" } : piece);
  return pieces.length > 1 && request.flags & CMD_FLAG.DF ? [whole] : pieces;
}

function append(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  if (last?.kind === piece.kind) last.length += piece.length;
  else pieces.push(piece);
}
