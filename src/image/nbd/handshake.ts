/**
 * The handshake phase, fixed newstyle (proto.md, "Newstyle negotiation" and "Fixed newstyle negotiation"): what
 * the two sides agree on until the client has chosen an export. An option this server does not know is
 * answered with `NBD_REP_ERR_UNSUP`, from which clients fall back; malformed framing ends the connection.
 */
import type { BlockDevice } from "../device.ts";
import type { Connection } from "./connection.ts";
import { type Exports, findExport, transmissionFlags } from "./exports.ts";
import {
  CLIENT_FLAGS_BYTES,
  EXPORT_NAME_PADDING_BYTES,
  FLAG_FIXED_NEWSTYLE,
  FLAG_NO_ZEROES,
  IHAVEOPT,
  INFO,
  MAX_PAYLOAD_BYTES,
  MAX_STRING_BYTES,
  MIN_BLOCK_BYTES,
  NBDMAGIC,
  OPT,
  OPTION_HEADER_BYTES,
  OPTION_REPLY_HEADER_BYTES,
  OPTION_REPLY_MAGIC,
  PREFERRED_BLOCK_BYTES,
  REP,
} from "./protocol.ts";

/** More than any option of the protocol needs: a longest name and thousands of information requests. */
const MAX_OPTION_BYTES = 65536;
/** A client that asks on without taking the answers waits. */
const MAX_UNSENT_BYTES = 65536;

/** Negotiates on a new connection; `chosen` is called once, when transmission begins. */
export function handshake(
  connection: Connection,
  exports: Exports,
  chosen: (name: string, device: BlockDevice) => void,
): void {
  const { feed } = connection;
  let noZeroes = false;

  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(NBDMAGIC, 0);
  greeting.writeBigUInt64BE(IHAVEOPT, 8);
  greeting.writeUInt16BE(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES, 16);
  connection.send([greeting]);
  feed.expect(CLIENT_FLAGS_BYTES, (bytes) => {
    const flags = bytes.readUInt32BE(0);
    const unknown = flags & ~(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
    if (unknown !== 0) {
      connection.fail(`unknown client flags 0x${(unknown >>> 0).toString(16)}`);
      return;
    }
    noZeroes = (flags & FLAG_NO_ZEROES) !== 0;
    nextOption();
  });

  function nextOption(): void {
    feed.expect(OPTION_HEADER_BYTES, takeOption);
    if (connection.unsentBytes <= MAX_UNSENT_BYTES) return;
    connection.pause();
    connection.onDrain(() => connection.resume());
  }

  function takeOption(header: Buffer): void {
    const option = header.readUInt32BE(8);
    const length = header.readUInt32BE(12);
    if (header.readBigUInt64BE(0) !== IHAVEOPT) {
      connection.fail("an option without its magic");
    } else if (option === OPT.EXPORT_NAME && length > MAX_STRING_BYTES) {
      connection.fail(`an export name of ${length} bytes`);
    } else if (length > MAX_OPTION_BYTES) {
      feed.skip(length, () => {
        reply(option, REP.ERR_TOO_BIG, `option data of ${length} bytes`);
        nextOption();
      });
    } else {
      feed.expect(length, (data) => answer(option, data));
    }
  }

  function answer(option: number, data: Buffer): void {
    switch (option) {
      case OPT.EXPORT_NAME:
        exportName(data.toString("utf8"));
        break;
      case OPT.ABORT:
        reply(option, REP.ACK);
        connection.end();
        break;
      case OPT.LIST:
        list(data);
        nextOption();
        break;
      case OPT.INFO:
        info(option, data);
        nextOption();
        break;
      case OPT.GO: {
        const found = info(option, data);
        if (found) chosen(found.name, found.device);
        else nextOption();
        break;
      }
      default:
        reply(option, REP.ERR_UNSUP, `option ${option} is not supported`);
        nextOption();
    }
  }

  function exportName(name: string): void {
    const found = findExport(exports, name);
    if (!found) {
      connection.fail(`unknown export ${JSON.stringify(name)}`);
      return;
    }
    const answer = Buffer.alloc(10 + (noZeroes ? 0 : EXPORT_NAME_PADDING_BYTES));
    answer.writeBigUInt64BE(BigInt(found.device.sizeBytes), 0);
    answer.writeUInt16BE(transmissionFlags(found.device), 8);
    connection.send([answer]);
    chosen(found.name, found.device);
  }

  function list(data: Buffer): void {
    if (data.length > 0) {
      reply(OPT.LIST, REP.ERR_INVALID, "NBD_OPT_LIST takes no data");
      return;
    }
    for (const name of exports.keys()) {
      const bytes = Buffer.from(name, "utf8");
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length, 0);
      reply(OPT.LIST, REP.SERVER, Buffer.concat([length, bytes]));
    }
    reply(OPT.LIST, REP.ACK);
  }

  /** Answers `NBD_OPT_INFO` and `NBD_OPT_GO`; what comes back was acknowledged. */
  function info(option: number, data: Buffer): { name: string; device: BlockDevice } | undefined {
    const wanted = parseInfoRequest(data);
    if (!wanted) {
      reply(option, REP.ERR_INVALID, "malformed information request");
      return undefined;
    }
    const found = findExport(exports, wanted.name);
    if (!found) {
      reply(option, REP.ERR_UNKNOWN, `no export ${JSON.stringify(wanted.name)}`);
      return undefined;
    }
    reply(option, REP.INFO, exportInfo(found.device));
    if (wanted.types.includes(INFO.BLOCK_SIZE)) reply(option, REP.INFO, blockSizeInfo());
    reply(option, REP.ACK);
    return found;
  }

  function reply(option: number, type: number, data: Buffer | string = ""): void {
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    const header = Buffer.alloc(OPTION_REPLY_HEADER_BYTES);
    header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
    header.writeUInt32BE(option, 8);
    header.writeUInt32BE(type, 12);
    header.writeUInt32BE(bytes.length, 16);
    connection.send(bytes.length > 0 ? [header, bytes] : [header]);
  }
}

/** "Option types", `NBD_OPT_GO`: length of the name (4), the name, how many types (2), the types (2 each). */
function parseInfoRequest(data: Buffer): { name: string; types: number[] } | undefined {
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
function exportInfo(device: BlockDevice): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt16BE(INFO.EXPORT, 0);
  data.writeBigUInt64BE(BigInt(device.sizeBytes), 2);
  data.writeUInt16BE(transmissionFlags(device), 10);
  return data;
}

/** `NBD_INFO_BLOCK_SIZE`: type (2), minimum (4), preferred (4), maximum payload (4). */
function blockSizeInfo(): Buffer {
  const data = Buffer.alloc(14);
  data.writeUInt16BE(INFO.BLOCK_SIZE, 0);
  data.writeUInt32BE(MIN_BLOCK_BYTES, 2);
  data.writeUInt32BE(PREFERRED_BLOCK_BYTES, 6);
  data.writeUInt32BE(MAX_PAYLOAD_BYTES, 10);
  return data;
}
