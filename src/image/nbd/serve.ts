/** One request, done by its device: from what was asked to the reply that says it is done. */
import type { BlockDevice } from "../device.ts";
import type { Agreement } from "./agreement.ts";
import { blockStatus } from "./block-status.ts";
import { CMD, CMD_FLAG, NBD_ERROR } from "./protocol.ts";
import { simpleReply } from "./reply.ts";
import type { Request } from "./request.ts";
import { structuredRead } from "./structured-read.ts";

const CACHE_READ_BYTES = 1024 * 1024;
/** Written piece by piece where zeros have to be kept storage for. */
const ZEROES = Buffer.alloc(1024 * 1024);

export interface ServeOptions {
  /** A write's. */
  payload: Buffer | undefined;
  /** Aborted when what is only a hint is not worth going on with. */
  abandoned: AbortSignal;
}

/** The whole reply to a request that was not refused. Rejects with what the device rejected it with. */
export async function serve(
  request: Request,
  agreement: Agreement,
  options: ServeOptions,
): Promise<Buffer[]> {
  const { device } = agreement;
  const { type, offset, length, cookie } = request;
  switch (type) {
    case CMD.READ:
      return agreement.structured ? await structuredRead(request, device) : await simpleRead(request, device);
    case CMD.BLOCK_STATUS:
      return blockStatus(request, device, agreement.contexts);
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
  return [simpleReply(cookie, NBD_ERROR.NONE)];
}

async function simpleRead({ cookie, offset, length }: Request, device: BlockDevice): Promise<Buffer[]> {
  const data = await device.read(offset, length);
  if (data.length !== length) throw new Error(`bug: the device read ${data.length} bytes`);
  const reply = simpleReply(cookie, NBD_ERROR.NONE);
  return length > 0 ? [reply, data] : [reply];
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
