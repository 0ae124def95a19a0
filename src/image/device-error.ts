/** The errors a block device rejects a call with; the NBD server turns `code` into the protocol's error value. */

export type DeviceErrorCode = "EIO" | "EPERM" | "ENOSPC" | "EINVAL" | "ESHUTDOWN";

export function deviceError(code: DeviceErrorCode, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
}
