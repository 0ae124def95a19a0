/** An NBD client that says exactly what a test tells it to, byte for byte. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { IHAVEOPT, OPTION_REPLY_MAGIC, REQUEST_MAGIC } from "../../../src/image/nbd/protocol.ts";

export interface OptionReply {
  option: number;
  type: number;
  data: Buffer;
}

export interface RawRequest {
  type: number;
  offset?: number | bigint;
  length?: number;
  flags?: number;
  cookie?: number;
  payload?: Buffer;
}

export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  static async connect(where: string | { port: number; host: string }): Promise<RawClient> {
    const address = typeof where === "string" ? { path: where } : where;
    const socket = connect({ ...address, allowHalfOpen: true });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on("end", end).on("close", end).on("error", end);
  }

  send(...buffers: Buffer[]): void {
    this.socket.write(Buffer.concat(buffers));
  }

  /** The next `length` bytes; rejects when the server ends before. */
  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#ended) throw new Error(`ended with ${this.#received.length} of ${length} bytes`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return bytes;
  }

  /** What is left when the server has ended the connection. */
  async takeRest(): Promise<Buffer> {
    while (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }

  /** The greeting, and our flags: fixed newstyle, no zeroes. */
  async greet(flags = 3): Promise<Buffer> {
    const greeting = await this.take(18);
    this.send(u32(flags));
    return greeting;
  }

  async option(option: number, data: Buffer = Buffer.alloc(0)): Promise<OptionReply> {
    this.send(optionFrame(option, data));
    return await this.optionReply();
  }

  async optionReply(): Promise<OptionReply> {
    const header = await this.take(20);
    if (header.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC) throw new Error("not an option reply");
    const data = await this.take(header.readUInt32BE(16));
    return { option: header.readUInt32BE(8), type: header.readUInt32BE(12), data };
  }

  /** Greets, negotiates structured replies and metadata contexts where asked, and chooses an export by NBD_OPT_GO. */
  async go(
    name: string,
    options: { structured?: boolean; contexts?: readonly string[] } = {},
  ): Promise<void> {
    await this.greet();
    if (options.structured) await this.option(8);
    if (options.contexts) await this.selectContexts(name, options.contexts);
    await this.choose(name);
  }

  async selectContexts(name: string, queries: readonly string[]): Promise<void> {
    let reply = await this.option(10, metaContextQuery(name, queries));
    while (reply.type === 4) reply = await this.optionReply();
    if (reply.type !== 1) throw new Error(`NBD_OPT_SET_META_CONTEXT: ${reply.type.toString(16)}`);
  }

  async choose(name: string): Promise<void> {
    let reply = await this.option(7, infoRequest(name));
    while (reply.type === 3) reply = await this.optionReply();
    if (reply.type !== 1) throw new Error(`NBD_OPT_GO: ${reply.type.toString(16)}`);
  }

  request(request: RawRequest): void {
    this.send(requestFrame(request), request.payload ?? Buffer.alloc(0));
  }

  /** A simple reply; `length`: of the data that follows when there is no error. */
  async reply(length = 0): Promise<{ error: number; cookie: number; data: Buffer }> {
    const header = await this.take(16);
    if (header.readUInt32BE(0) !== 0x67446698) throw new Error("not a simple reply");
    const error = header.readUInt32BE(4);
    const data = error === 0 ? await this.take(length) : Buffer.alloc(0);
    return { error, cookie: Number(header.readBigUInt64BE(8)), data };
  }

  /** One chunk of a structured reply. */
  async chunk(): Promise<Chunk> {
    const header = await this.take(20);
    if (header.readUInt32BE(0) !== 0x668e33ef) throw new Error("not a chunk of a structured reply");
    return {
      isLast: (header.readUInt16BE(4) & 1) !== 0,
      type: header.readUInt16BE(6),
      cookie: Number(header.readBigUInt64BE(8)),
      payload: await this.take(header.readUInt32BE(16)),
    };
  }

  /** A whole structured reply. */
  async chunks(): Promise<Chunk[]> {
    const chunks = [await this.chunk()];
    while (!chunks.at(-1)!.isLast) chunks.push(await this.chunk());
    return chunks;
  }
}

export interface Chunk {
  isLast: boolean;
  type: number;
  cookie: number;
  payload: Buffer;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

export function optionFrame(option: number, data: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64BE(IHAVEOPT, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(data.length, 12);
  return Buffer.concat([header, data]);
}

export function infoRequest(name: string, types: readonly number[] = []): Buffer {
  const tail = Buffer.alloc(2 + types.length * 2);
  tail.writeUInt16BE(types.length, 0);
  types.forEach((type, place) => {
    tail.writeUInt16BE(type, 2 + place * 2);
  });
  return Buffer.concat([u32(Buffer.byteLength(name)), Buffer.from(name), tail]);
}

export function metaContextQuery(name: string, queries: readonly string[]): Buffer {
  const strings = queries.flatMap((query) => [u32(Buffer.byteLength(query)), Buffer.from(query)]);
  return Buffer.concat([u32(Buffer.byteLength(name)), Buffer.from(name), u32(queries.length), ...strings]);
}

export function requestFrame(request: RawRequest): Buffer {
  const header = Buffer.alloc(28);
  header.writeUInt32BE(REQUEST_MAGIC, 0);
  header.writeUInt16BE(request.flags ?? 0, 4);
  header.writeUInt16BE(request.type, 6);
  header.writeBigUInt64BE(BigInt(request.cookie ?? 0), 8);
  header.writeBigUInt64BE(BigInt(request.offset ?? 0), 16);
  header.writeUInt32BE(request.length ?? request.payload?.length ?? 0, 24);
  return header;
}
