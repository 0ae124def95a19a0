/**
 * One client's connection: its socket, the cutting of what comes in, and the batching of what goes out. It
 * ends by the client's leaving, by `end` (what was sent arrives first) or by `fail` (a protocol error: logged,
 * and dropped at once). Whatever happens here concerns this connection alone.
 */
import type { Socket } from "node:net";
import { ByteFeed } from "./byte-feed.ts";

/** How long a client that is being disconnected has to take the replies that are still due to it. */
const LEAVE_MS = 1000;

export class Connection {
  readonly feed = new ByteFeed();
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  /** What to do when the client says nothing more; it may still be waiting for replies. */
  onClientDone: () => void = () => this.end();
  readonly #socket: Socket;
  readonly #log: (line: string) => void;
  #corked = false;
  #ended = false;

  constructor(socket: Socket, log: (line: string) => void) {
    this.#socket = socket;
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("data", (bytes) => this.feed.push(bytes));
    // 'close' follows. A client need not wait for the answer to its goodbye.
    socket.on("error", (error) => {
      if (!this.#ended) this.#log(`connection lost: ${error.message}`);
    });
    socket.on("end", () => this.onClientDone());
    socket.on("close", () => {
      this.#ended = true;
      this.feed.end();
      resolve();
    });
  }

  /** Nothing more is taken in or sent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes sent that the client has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /**
   * Sends the buffers in one go with whatever else is sent in this turn of the event loop; `sent` is called when
   * the kernel has them, or when the connection is gone. They must not change until then.
   */
  send(buffers: readonly Buffer[], sent?: () => void): void {
    if (this.#ended) {
      sent?.();
      return;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    const last = buffers.length - 1;
    buffers.forEach((buffer, index) => {
      this.#socket.write(buffer, index === last ? sent : undefined);
    });
  }

  /** Calls `resume` once the client has taken what was sent. */
  onDrain(resume: () => void): void {
    this.#socket.once("drain", resume);
  }

  /** Stops taking in; what came in after the last piece stays in the kernel, and then with the client. */
  pause(): void {
    this.feed.pause();
    this.#socket.pause();
  }

  resume(): void {
    if (this.#ended) return;
    this.feed.resume();
    if (!this.feed.paused) this.#socket.resume();
  }

  /** Ends in order: replies that were sent still arrive, if the client takes them in time. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.feed.end();
    this.#socket.resume();
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), LEAVE_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Drops the connection for a reason that is the client's. */
  fail(reason: string): void {
    if (this.#ended) return;
    this.#log(`connection dropped: ${reason}`);
    this.#ended = true;
    this.feed.end();
    this.#socket.destroy();
  }

  log(line: string): void {
    this.#log(line);
  }
}
