/**
 * The transmission phase of one connection (proto.md, "Transmission"): requests are started as they come in and
 * answered as they are done, in any order. What is in flight is bounded, and less so what only waits to be sent: past the
 * limits nothing more is taken from the socket until replies have left, so a client cannot make the server hold more
 * than that and one request.
 */
import type { Agreement } from "./agreement.ts";
import { MAX_STATUS_BYTES } from "./block-status.ts";
import type { Connection } from "./connection.ts";
import { CMD, MAX_PAYLOAD_BYTES, NBD_ERROR, type NbdError, REQUEST_BYTES } from "./protocol.ts";
import { errorValue, simpleReply } from "./reply.ts";
import { parseRequest, type Request, refusal } from "./request.ts";
import { serve } from "./serve.ts";
import { errorChunk } from "./structured-reply.ts";

/** Payloads of requests that are being served and of replies that the client has not taken. */
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;
/**
 * Of replies that the kernel has not taken. Reading ahead of a client gains nothing, and what is sent soon after it was
 * read is still in the processor's cache.
 */
const MAX_UNSENT_BYTES = 512 * 1024;
/** What a request counts beside its payload, so that their number is bounded too. */
const REQUEST_COST_BYTES = 4096;

export class Transmission {
  readonly #connection: Connection;
  readonly #agreement: Agreement;
  #inFlightBytes = 0;
  #requests = 0;
  #readBytes = 0;
  #writtenBytes = 0;
  /** Requests that the device has not settled. */
  #running = 0;
  /** No further request is served; the connection ends when the running ones are answered. */
  readonly #leaving = new AbortController();
  readonly #idle = Promise.withResolvers<void>();

  constructor(connection: Connection, agreement: Agreement) {
    this.#connection = connection;
    this.#agreement = agreement;
    connection.onClientDone = () => this.#leave();
    connection.onSent = (cost) => this.#sent(cost);
    void connection.closed.then(() => this.#leave());
    this.#next();
  }

  /** Refuses further requests, waits until the device has settled those it has, and disconnects. */
  async stop(): Promise<void> {
    if (!this.#leaving.signal.aborted) {
      this.#leaving.abort();
      if (this.#running === 0) this.#end();
    }
    await this.#idle.promise;
    await this.#connection.closed;
  }

  /** Resolves when the client is gone and the device has nothing of its any more. */
  async finished(): Promise<void> {
    await this.#connection.closed;
    await this.#idle.promise;
  }

  /** What the client asked for so far. */
  summary(): string {
    return `after ${this.#requests} requests, ${this.#readBytes} bytes to read and ${this.#writtenBytes} to write`;
  }

  #next(): void {
    this.#connection.feed.expect(REQUEST_BYTES, (header) => this.#take(header));
    if (!this.#hasRoom()) this.#connection.pause();
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
    if (refusal(request, this.#agreement) !== NBD_ERROR.NONE) {
      feed.skip(request.length, () => {
        this.#start(request);
        this.#next();
      });
      return;
    }
    feed.fill(this.#connection.buffers.take(request.length), (payload) => {
      this.#start(request, payload);
      this.#next();
    });
  }

  #start(request: Request, payload?: Buffer): void {
    const cost = REQUEST_COST_BYTES + payloadBytes(request, this.#agreement);
    this.#inFlightBytes += cost;
    this.#running++;
    this.#requests++;
    if (request.type === CMD.READ) this.#readBytes += request.length;
    if (request.type === CMD.WRITE) this.#writtenBytes += request.length;
    const reply = this.#reply(request, payload);
    if (Buffer.isBuffer(reply)) {
      this.#answer(reply, cost);
      return;
    }
    const answer = (bytes: Buffer) => {
      if (payload) this.#connection.buffers.give(payload);
      this.#answer(bytes, cost);
    };
    reply.then(answer, (error) => answer(this.#failed(request, error)));
  }

  #reply(request: Request, payload: Buffer | undefined): Buffer | Promise<Buffer> {
    // "Terminating the transmission phase".
    const refused = this.#leaving.signal.aborted ? NBD_ERROR.ESHUTDOWN : refusal(request, this.#agreement);
    if (refused !== NBD_ERROR.NONE) return this.#failure(request, refused, "");
    const { buffers } = this.#connection;
    try {
      return serve(request, this.#agreement, { payload, buffers, abandoned: this.#leaving.signal });
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  #answer(reply: Buffer, cost: number): void {
    this.#connection.send(reply, cost);
    if (--this.#running === 0 && this.#leaving.signal.aborted) this.#end();
  }

  /** What the device failed with is the request's error value, and a line in the log. */
  #failed(request: Request, error: unknown): Buffer {
    const message = error instanceof Error ? error.message : `${error}`;
    this.#connection.log(`request ${request.type} at ${request.offset}, ${request.length} bytes: ${message}`);
    return this.#failure(request, errorValue(error), message);
  }

  /** "Structured reply chunk message": a structured error carries its reason. */
  #failure(request: Request, value: NbdError, message: string): Buffer {
    if (this.#agreement.structured) return errorChunk(request, value, message);
    return simpleReply(request, value);
  }

  #sent(cost: number): void {
    this.#inFlightBytes -= cost;
    if (this.#connection.feed.paused && this.#hasRoom()) this.#connection.resume();
  }

  #hasRoom(): boolean {
    return this.#inFlightBytes < MAX_IN_FLIGHT_BYTES && this.#connection.unsentBytes < MAX_UNSENT_BYTES;
  }

  #leave(): void {
    if (this.#leaving.signal.aborted) return;
    this.#leaving.abort();
    this.#connection.feed.end();
    if (this.#running === 0) this.#end();
  }

  #end(): void {
    this.#connection.end();
    this.#idle.resolve();
  }
}

/** What the request's payload, or its reply's, takes at most. */
function payloadBytes(request: Request, agreement: Agreement): number {
  switch (request.type) {
    case CMD.READ:
    case CMD.WRITE:
      return Math.min(request.length, MAX_PAYLOAD_BYTES);
    case CMD.BLOCK_STATUS:
      return MAX_STATUS_BYTES * agreement.contexts.length;
    default:
      return 0;
  }
}
