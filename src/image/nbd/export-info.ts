/** The information of `NBD_OPT_INFO` and `NBD_OPT_GO` (proto.md, "Option types" and "Option reply types"). */
import type { BlockDevice } from "../device.ts";
import {
  INFO,
  MAX_PAYLOAD_BYTES,
  MAX_STRING_BYTES,
  MIN_BLOCK_BYTES,
  PREFERRED_BLOCK_BYTES,
} from "./protocol.ts";

export interface InfoRequest {
  name: string;
  /** Of information, as in `INFO`. */
  types: number[];
}

/** Length of the name (4), the name, how many types (2), the types (2 each). Undefined: malformed. */
export function parseInfoRequest(data: Buffer): InfoRequest | undefined {
  if (data.length < 6) return undefined;
  const nameLength = data.readUInt32BE(0);
  if (nameLength > MAX_STRING_BYTES || data.length < 6 + nameLength) return undefined;
  const count = data.readUInt16BE(4 + nameLength);
  const typesAt = 6 + nameLength;
  if (data.length !== typesAt + count * 2) return undefined;
  const types = Array.from({ length: count }, (_, place) => data.readUInt16BE(typesAt + place * 2));
  return { name: data.toString("utf8", 4, 4 + nameLength), types };
}

/** `NBD_INFO_EXPORT`: type (2), size (8), transmission flags (2). */
export function exportInfo(device: BlockDevice, flags: number): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt16BE(INFO.EXPORT, 0);
  data.writeBigUInt64BE(BigInt(device.sizeBytes), 2);
  data.writeUInt16BE(flags, 10);
  return data;
}

/** `NBD_INFO_NAME`: type (2), the name; for a client that asked for the default export. */
export function nameInfo(name: string): Buffer {
  const data = Buffer.from(`\0\0${name}`, "utf8");
  data.writeUInt16BE(INFO.NAME, 0);
  return data;
}

/** `NBD_INFO_DESCRIPTION`: type (2), the description. */
export function descriptionInfo(description: string): Buffer {
  const data = Buffer.from(`\0\0${description}`, "utf8");
  data.writeUInt16BE(INFO.DESCRIPTION, 0);
  return data;
}

/** `NBD_REP_SERVER` ("Option reply types"): length of the name (4), the name, the description if there is one. */
export function listedExport(name: string, description = ""): Buffer {
  const data = Buffer.from(`\0\0\0\0${name}${description}`, "utf8");
  data.writeUInt32BE(Buffer.byteLength(name), 0);
  return data;
}

/** `NBD_INFO_BLOCK_SIZE`: type (2), minimum (4), preferred (4), maximum payload (4). */
export function blockSizeInfo(): Buffer {
  const data = Buffer.alloc(14);
  data.writeUInt16BE(INFO.BLOCK_SIZE, 0);
  data.writeUInt32BE(MIN_BLOCK_BYTES, 2);
  data.writeUInt32BE(PREFERRED_BLOCK_BYTES, 6);
  data.writeUInt32BE(MAX_PAYLOAD_BYTES, 10);
  return data;
}
