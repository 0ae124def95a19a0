/**
 * The transmission phase of one connection (proto.md, "Transmission"): requests are started as they come in and
 * answered as they are done, in any order. What is in flight is bounded: past the limit nothing more is taken
 * from the socket until replies have left, so a client cannot make the server hold more than that and one request.
 */
import type { BlockDevice } from "../device.ts";
import type { Connection } from "./connection.ts";
import { CMD, CMD_FLAG, MAX_PAYLOAD_BYTES, NBD_ERROR, REQUEST_BYTES } from "./protocol.ts";
import { errorValue, simpleReply } from "./reply.ts";
import { parseRequest, type Request, refusal } from "./request.ts";

/** Payloads of requests that are being served and of replies that the client has not taken. */
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;
/** What a request counts beside its payload, so that their number is bounded too. */
const REQUEST_COST_BYTES = 4096;
const CACHE_READ_BYTES = 1024 * 1024;

export class Transmission {
  readonly #connection: Connection;
  readonly #device: BlockDevice;
  #inFlightBytes = 0;
  /** Requests that the device has not settled. */
  #running = 0;
  /** No further request is taken; the connection ends when the running ones are answered. */
  #leaving = false;
  readonly #idle = Promise.withResolvers<void>();

  constructor(connection: Connection, device: BlockDevice) {
    this.#connection = connection;
    this.#device = device;
    connection.onClientDone = () => this.#leave();
    void connection.closed.then(() => this.#leave());
    this.#next();
  }

  /** Takes no more requests, waits until the device has settled those it has, and disconnects. */
  async stop(): Promise<void> {
    this.#connection.feed.end();
    this.#leave();
    await this.#idle.promise;
    await this.#connection.closed;
  }

  /** Resolves when the client is gone and the device has nothing of its any more. */
  async finished(): Promise<void> {
    await this.#connection.closed;
    await this.#idle.promise;
  }

  #next(): void {
    this.#connection.feed.expect(REQUEST_BYTES, (header) => this.#take(header));
    if (this.#inFlightBytes >= MAX_IN_FLIGHT_BYTES) this.#connection.pause();
  }

  #take(header: Buffer): void {
    const request = parseRequest(header);
    if (!request) {
      this.#connection.fail("a request without its magic");
    } else if (request.type === CMD.DISC) {
      this.#leave();
    } else if (request.type === CMD.WRITE) {
      this.#takeWrite(request);
    } else {
      this.#start(request);
      this.#next();
    }
  }

  /** The payload follows the request, also when the write is refused. */
  #takeWrite(request: Request): void {
    const { feed } = this.#connection;
    if (request.length > MAX_PAYLOAD_BYTES) {
      this.#connection.fail(`a write of ${request.length} bytes, where ${MAX_PAYLOAD_BYTES} are allowed`);
      return;
    }
    const start = (payload?: Buffer) => {
      this.#start(request, payload);
      this.#next();
    };
    if (refusal(request, this.#device) === NBD_ERROR.NONE) feed.expect(request.length, start);
    else feed.skip(request.length, start);
  }

  #start(request: Request, payload?: Buffer): void {
    const hasPayload = request.type === CMD.READ || request.type === CMD.WRITE;
    const cost = REQUEST_COST_BYTES + (hasPayload ? Math.min(request.length, MAX_PAYLOAD_BYTES) : 0);
    this.#inFlightBytes += cost;
    this.#running++;
    void this.#reply(request, payload).then((reply) => {
      this.#connection.send(reply, () => this.#sent(cost));
      if (--this.#running === 0 && this.#leaving) this.#end();
    });
  }

  /** Never rejects: what fails is the request's error value. */
  async #reply(request: Request, payload: Buffer | undefined): Promise<Buffer[]> {
    const refused = refusal(request, this.#device);
    if (refused !== NBD_ERROR.NONE) return [simpleReply(request.cookie, refused)];
    try {
      const data = await this.#serve(request, payload);
      const reply = simpleReply(request.cookie, NBD_ERROR.NONE);
      return data && data.length > 0 ? [reply, data] : [reply];
    } catch (error) {
      const value = errorValue(error);
      const what = `request ${request.type} at ${request.offset}, ${request.length} bytes`;
      this.#connection.log(`${what}: ${error instanceof Error ? error.message : error}`);
      return [simpleReply(request.cookie, value)];
    }
  }

  async #serve(request: Request, payload: Buffer | undefined): Promise<Buffer | undefined> {
    const device = this.#device;
    const { type, offset, length } = request;
    switch (type) {
      case CMD.READ: {
        const data = await device.read(offset, length);
        if (data.length !== length) throw new Error(`bug: the device read ${data.length} bytes`);
        return data;
      }
      case CMD.WRITE:
        await device.write(offset, payload!);
        break;
      case CMD.TRIM:
        await device.trim(offset, length);
        break;
      // NO_HOLE asks for storage to be kept, so that later writes do not run out of it. An overlay keeps none ahead.
      case CMD.WRITE_ZEROES:
        await device.writeZeroes(offset, length);
        break;
      case CMD.CACHE:
        await this.#warm(offset, offset + length);
        break;
      case CMD.FLUSH:
        await device.flush();
        return undefined;
    }
    if (type !== CMD.CACHE && request.flags & CMD_FLAG.FUA) await device.flush();
    return undefined;
  }

  /** A read whose data goes nowhere but into the device's cache. */
  async #warm(offset: number, end: number): Promise<void> {
    for (let at = offset; at < end && !this.#leaving; at += CACHE_READ_BYTES) {
      await this.#device.read(at, Math.min(CACHE_READ_BYTES, end - at));
    }
  }

  #sent(cost: number): void {
    this.#inFlightBytes -= cost;
    if (this.#connection.feed.paused && this.#inFlightBytes < MAX_IN_FLIGHT_BYTES) this.#connection.resume();
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#connection.feed.end();
    if (this.#running === 0) this.#end();
  }

  #end(): void {
    this.#connection.end();
    this.#idle.resolve();
  }
}
