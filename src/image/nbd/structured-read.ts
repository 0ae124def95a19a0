/**
 * A read answered with what is data and what is a hole (proto.md, "Request types", `NBD_CMD_READ`, "Structured
 * replies"): holes cost neither a read nor the sending of zeros.
 */
import type { BlockDevice } from "../device.ts";
import { CMD_FLAG } from "./protocol.ts";
import type { Request } from "./request.ts";
import { type ChunkPlace, dataChunkHead, endChunk, holeChunk } from "./structured-reply.ts";

/** Sending shorter holes as data costs less than a chunk, and one more call to the device, each. */
const MIN_HOLE_BYTES = 32768;

interface Piece {
  kind: "data" | "hole";
  offset: number;
  length: number;
}

/** The whole reply. Rejects when any part of the range cannot be read, and then nothing of it is running. */
export async function structuredRead(request: Request, device: BlockDevice): Promise<Buffer[]> {
  if (request.length === 0) return [endChunk(request.cookie)];
  const pieces = piecesOf(request, device);
  const reads = pieces.map((piece) => (piece.kind === "hole" ? [] : readPiece(device, piece)));
  const settled = await Promise.allSettled(reads);
  return settled.flatMap((read, index) => {
    if (read.status === "rejected") throw read.reason;
    const { kind, offset, length } = pieces[index]!;
    const place: ChunkPlace = index === pieces.length - 1 ? "final" : "more";
    if (kind === "hole") return [holeChunk(request.cookie, place, offset, length)];
    return [dataChunkHead(request.cookie, place, offset, length), ...read.value];
  });
}

async function readPiece(device: BlockDevice, piece: Piece): Promise<Buffer[]> {
  const data = await device.read(piece.offset, piece.length);
  if (data.length !== piece.length) throw new Error(`bug: the device read ${data.length} bytes`);
  return [data];
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
