/**
 * The handshake phase, fixed newstyle (proto.md, "Newstyle negotiation" and "Fixed newstyle negotiation"): what
 * the two sides agree on until the client has chosen an export. An option this server does not know is
 * answered with `NBD_REP_ERR_UNSUP`, from which clients fall back; malformed framing ends the connection.
 */
import type { BlockDevice } from "../device.ts";
import type { Agreement } from "./agreement.ts";
import type { Connection } from "./connection.ts";
import {
  blockSizeInfo,
  descriptionInfo,
  exportInfo,
  listedExport,
  nameInfo,
  parseInfoRequest,
} from "./export-info.ts";
import { type Exports, findExport, type NamedExport, transmissionFlags } from "./exports.ts";
import { listedContexts, type MetaContext, parseMetaContextQuery, selectedContexts } from "./meta-context.ts";
import {
  CLIENT_FLAGS_BYTES,
  EXPORT_NAME_PADDING_BYTES,
  FLAG_FIXED_NEWSTYLE,
  FLAG_NO_ZEROES,
  IHAVEOPT,
  INFO,
  MAX_STRING_BYTES,
  NBDMAGIC,
  OPT,
  OPTION_HEADER_BYTES,
  OPTION_REPLY_HEADER_BYTES,
  OPTION_REPLY_MAGIC,
  REP,
} from "./protocol.ts";

/** More than any option of the protocol needs: a longest name and thousands of information requests. */
const MAX_OPTION_BYTES = 65536;
/** A client that asks on without taking the answers waits. */
const MAX_UNSENT_BYTES = 65536;

export interface Offer {
  readonly exports: Exports;
  /** No export is to be had any more. */
  readonly isClosing: boolean;
}

/** Negotiates on a new connection; `chosen` is called once, when transmission begins. */
export function handshake(
  connection: Connection,
  offer: Offer,
  chosen: (agreement: Agreement) => void,
): void {
  const { feed } = connection;
  const { exports } = offer;
  let noZeroes = false;
  let structured = false;
  /** What the last `NBD_OPT_SET_META_CONTEXT` selected, for which export. */
  let selected: { device: BlockDevice; contexts: readonly MetaContext[] } | undefined;

  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(NBDMAGIC, 0);
  greeting.writeBigUInt64BE(IHAVEOPT, 8);
  greeting.writeUInt16BE(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES, 16);
  connection.send(greeting);
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
      feed.expect(length, (data) => (offer.isClosing ? decline(option) : answer(option, data)));
    }
  }

  /** "Termination of the session during option haggling". */
  function decline(option: number): void {
    if (option === OPT.EXPORT_NAME || option === OPT.ABORT) {
      connection.end();
      return;
    }
    reply(option, REP.ERR_SHUTDOWN, "the server is closing");
    nextOption();
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
        if (found) agree(found);
        else nextOption();
        break;
      }
      case OPT.STRUCTURED_REPLY:
        structuredReply(data);
        nextOption();
        break;
      case OPT.LIST_META_CONTEXT:
      case OPT.SET_META_CONTEXT:
        metaContext(option, data);
        nextOption();
        break;
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
    answer.writeUInt16BE(transmissionFlags(found.device, { structured }), 8);
    connection.send(answer);
    agree(found);
  }

  /** Metadata contexts hold for the export that they were selected for, and no other. */
  function agree({ name, device }: NamedExport): void {
    const contexts = selected?.device === device ? selected.contexts : [];
    chosen({ name, device, structured, contexts });
  }

  function list(data: Buffer): void {
    if (data.length > 0) {
      reply(OPT.LIST, REP.ERR_INVALID, "NBD_OPT_LIST takes no data");
      return;
    }
    for (const [name, { description }] of exports)
      reply(OPT.LIST, REP.SERVER, listedExport(name, description));
    reply(OPT.LIST, REP.ACK);
  }

  /** Answers `NBD_OPT_INFO` and `NBD_OPT_GO`; what comes back was acknowledged. */
  function info(option: number, data: Buffer): NamedExport | undefined {
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
    reply(option, REP.INFO, exportInfo(found.device, transmissionFlags(found.device, { structured })));
    if (wanted.types.includes(INFO.NAME)) reply(option, REP.INFO, nameInfo(found.name));
    if (wanted.types.includes(INFO.DESCRIPTION) && found.description !== undefined)
      reply(option, REP.INFO, descriptionInfo(found.description));
    if (wanted.types.includes(INFO.BLOCK_SIZE)) reply(option, REP.INFO, blockSizeInfo());
    reply(option, REP.ACK);
    return found;
  }

  function structuredReply(data: Buffer): void {
    if (data.length > 0) {
      reply(OPT.STRUCTURED_REPLY, REP.ERR_INVALID, "NBD_OPT_STRUCTURED_REPLY takes no data");
      return;
    }
    structured = true;
    reply(OPT.STRUCTURED_REPLY, REP.ACK);
  }

  /** "Option types": setting forgets what was set before, also when it fails. */
  function metaContext(option: number, data: Buffer): void {
    const isSet = option === OPT.SET_META_CONTEXT;
    if (isSet) selected = undefined;
    const query = parseMetaContextQuery(data);
    if (!query || (isSet && !structured)) {
      const reason = query ? "structured replies come first" : "malformed query for metadata contexts";
      reply(option, REP.ERR_INVALID, reason);
      return;
    }
    const found = findExport(exports, query.exportName);
    if (!found) {
      reply(option, REP.ERR_UNKNOWN, `no export ${JSON.stringify(query.exportName)}`);
      return;
    }
    const contexts = isSet ? selectedContexts(query.queries) : listedContexts(query.queries);
    if (isSet) selected = { device: found.device, contexts };
    for (const { id, name } of contexts) {
      const bytes = Buffer.from(`\0\0\0\0${name}`, "utf8");
      // "Option types", NBD_OPT_LIST_META_CONTEXT: the id is reserved there.
      bytes.writeUInt32BE(isSet ? id : 0, 0);
      reply(option, REP.META_CONTEXT, bytes);
    }
    reply(option, REP.ACK);
  }

  function reply(option: number, type: number, data: Buffer | string = ""): void {
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    const answer = Buffer.allocUnsafe(OPTION_REPLY_HEADER_BYTES + bytes.length);
    answer.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
    answer.writeUInt32BE(option, 8);
    answer.writeUInt32BE(type, 12);
    answer.writeUInt32BE(bytes.length, 16);
    bytes.copy(answer, OPTION_REPLY_HEADER_BYTES);
    connection.send(answer);
  }
}
