/** One request, done by its device: from what was asked to the reply that says it is done. */
import type { BlockDevice } from "../device.ts";
import type { Agreement } from "./agreement.ts";
import { blockStatus } from "./block-status.ts";
import type { PayloadBuffers } from "./payload-buffers.ts";
import { CMD, CMD_FLAG, NBD_ERROR } from "./protocol.ts";
import { simpleRead } from "./read-reply.ts";
import { simpleReply } from "./reply.ts";
import type { Request } from "./request.ts";
import { structuredRead } from "./structured-read.ts";

const CACHE_READ_BYTES = 1024 * 1024;
/** Written piece by piece where zeros have to be kept storage for. */
const ZEROES = Buffer.alloc(1024 * 1024);

export interface ServeOptions {
  /** A write's. */
  payload: Buffer | undefined;
  /** What the reply to a read is composed in. */
  buffers: PayloadBuffers;
  /** Aborted when what is only a hint is not worth going on with. */
  abandoned: AbortSignal;
}

/**
 * The whole reply to a request that was not refused; a promise only where something has to be waited for. Throws or
 * rejects with what the device rejected it with.
 */
export function serve(
  request: Request,
  agreement: Agreement,
  options: ServeOptions,
): Buffer | Promise<Buffer> {
  const { device, structured, contexts } = agreement;
  if (request.type === CMD.READ)
    return (structured ? structuredRead : simpleRead)(request, device, options.buffers);
  if (request.type === CMD.BLOCK_STATUS) return blockStatus(request, device, contexts);
  return change(request, device, options);
}

/** What is answered without data. */
async function change(request: Request, device: BlockDevice, options: ServeOptions): Promise<Buffer> {
  const { type, offset, length } = request;
  switch (type) {
    case CMD.WRITE:
      await device.write(offset, options.payload!);
      break;
    case CMD.TRIM:
      await device.trim(offset, length);
      break;
    case CMD.WRITE_ZEROES:
      if (request.flags & CMD_FLAG.NO_HOLE) await writeZeroBytes(request, device);
      else await device.writeZeroes(offset, length);
      break;
    case CMD.CACHE:
      await warm(request, device, options.abandoned);
      break;
    case CMD.FLUSH:
      await device.flush();
      break;
  }
  const changes = type === CMD.WRITE || type === CMD.TRIM || type === CMD.WRITE_ZEROES;
  if (changes && request.flags & CMD_FLAG.FUA) await device.flush();
  return simpleReply(request, NBD_ERROR.NONE);
}

/** `NBD_CMD_FLAG_NO_HOLE`: storage is kept for the range, so that a later write to it cannot run out of space. */
async function writeZeroBytes(request: Request, device: BlockDevice): Promise<void> {
  const end = request.offset + request.length;
  for (let at = request.offset; at < end; at += ZEROES.length) {
    await device.write(at, ZEROES.subarray(0, Math.min(ZEROES.length, end - at)));
  }
}

/** A read whose data goes nowhere but into the device's cache. */
async function warm(request: Request, device: BlockDevice, abandoned: AbortSignal): Promise<void> {
  const end = request.offset + request.length;
  for (let at = request.offset; at < end && !abandoned.aborted; at += CACHE_READ_BYTES) {
    await device.read(at, Math.min(CACHE_READ_BYTES, end - at));
  }
}
