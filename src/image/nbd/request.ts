/** A request of the transmission phase, as it came in, and whether it can be served at all. */
import type { BlockDevice } from "../device.ts";
import type { Agreement } from "./agreement.ts";
import { CMD, CMD_FLAG, MAX_PAYLOAD_BYTES, NBD_ERROR, type NbdError, REQUEST_MAGIC } from "./protocol.ts";

/** 8 bytes of the client's, by which it knows the reply. */
export interface Cookie {
  cookieHigh: number;
  cookieLow: number;
}

export interface Request extends Cookie {
  flags: number;
  type: number;
  /** Beyond 2^53 not exact, which is past the end of any device. */
  offset: number;
  length: number;
}

/** "Request message"; undefined: not one. */
export function parseRequest(header: Buffer): Request | undefined {
  if (header.readUInt32BE(0) !== REQUEST_MAGIC) return undefined;
  return {
    flags: header.readUInt16BE(4),
    type: header.readUInt16BE(6),
    cookieHigh: header.readUInt32BE(8),
    cookieLow: header.readUInt32BE(12),
    offset: header.readUInt32BE(16) * 2 ** 32 + header.readUInt32BE(20),
    length: header.readUInt32BE(24),
  };
}

/** The error to answer without asking the device ("Request types", "Error values"); NONE: it can be tried. */
export function refusal(request: Request, agreement: Agreement): NbdError {
  const { device, contexts } = agreement;
  const { type, flags, offset, length } = request;
  if ((flags & ~allowedFlags(type, agreement)) !== 0) return NBD_ERROR.EINVAL;

  const pastEnd = offset + length > device.sizeBytes;
  switch (type) {
    case CMD.READ:
      if (length > MAX_PAYLOAD_BYTES) return NBD_ERROR.EOVERFLOW;
      return pastEnd ? NBD_ERROR.EINVAL : NBD_ERROR.NONE;
    case CMD.CACHE:
      return pastEnd ? NBD_ERROR.EINVAL : NBD_ERROR.NONE;
    case CMD.BLOCK_STATUS:
      return pastEnd || length === 0 || contexts.length === 0 ? NBD_ERROR.EINVAL : NBD_ERROR.NONE;
    case CMD.FLUSH:
      return offset !== 0 || length !== 0 ? NBD_ERROR.EINVAL : NBD_ERROR.NONE;
    case CMD.TRIM:
      if (device.readOnly) return NBD_ERROR.EPERM;
      return pastEnd ? NBD_ERROR.EINVAL : NBD_ERROR.NONE;
    case CMD.WRITE:
      if (device.readOnly) return NBD_ERROR.EPERM;
      return pastEnd ? NBD_ERROR.ENOSPC : NBD_ERROR.NONE;
    case CMD.WRITE_ZEROES:
      if (device.readOnly) return NBD_ERROR.EPERM;
      if (pastEnd) return NBD_ERROR.ENOSPC;
      return flags & CMD_FLAG.FAST_ZERO && !zeroesFast(request, device) ? NBD_ERROR.ENOTSUP : NBD_ERROR.NONE;
    default:
      return NBD_ERROR.EINVAL;
  }
}

/** "Command flags": FUA is accepted on every request, the others where they mean something. */
function allowedFlags(type: number, { structured }: Agreement): number {
  switch (type) {
    case CMD.READ:
      return CMD_FLAG.FUA | (structured ? CMD_FLAG.DF : 0);
    case CMD.WRITE_ZEROES:
      return CMD_FLAG.FUA | CMD_FLAG.NO_HOLE | CMD_FLAG.FAST_ZERO;
    case CMD.BLOCK_STATUS:
      return CMD_FLAG.FUA | CMD_FLAG.REQ_ONE;
    default:
      return CMD_FLAG.FUA;
  }
}

/** Zeros that storage is kept for are written as any data is. */
function zeroesFast({ flags, offset, length }: Request, device: BlockDevice): boolean {
  return (flags & CMD_FLAG.NO_HOLE) === 0 && (device.zeroesFast?.(offset, length) ?? false);
}
