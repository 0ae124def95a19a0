/** Simple replies of the transmission phase, and the protocol's error value for what a device rejected a call with. */
import { NBD_ERROR, type NbdError, SIMPLE_REPLY_BYTES, SIMPLE_REPLY_MAGIC } from "./protocol.ts";
import type { Cookie } from "./request.ts";

/** "Simple reply message", without data. */
export function simpleReply(cookie: Cookie, error: NbdError): Buffer {
  const reply = Buffer.allocUnsafe(SIMPLE_REPLY_BYTES);
  writeSimpleReply(reply, cookie, error);
  return reply;
}

/** The head of a simple reply, at the beginning of `reply`; the data of a successful read follows it. */
export function writeSimpleReply(reply: Buffer, { cookieHigh, cookieLow }: Cookie, error: NbdError): void {
  reply.writeUInt32BE(SIMPLE_REPLY_MAGIC, 0);
  reply.writeUInt32BE(error, 4);
  reply.writeUInt32BE(cookieHigh, 8);
  reply.writeUInt32BE(cookieLow, 12);
}

/** "Error values". What the protocol has no value for is an I/O error. */
export function errorValue(error: unknown): NbdError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return NBD_ERROR.ENOSPC;
    case "EPERM":
    case "EACCES":
    case "EROFS":
      return NBD_ERROR.EPERM;
    case "EINVAL":
      return NBD_ERROR.EINVAL;
    case "ESHUTDOWN":
      return NBD_ERROR.ESHUTDOWN;
    default:
      return NBD_ERROR.EIO;
  }
}
