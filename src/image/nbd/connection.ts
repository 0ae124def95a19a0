/**
 * One client's connection: its socket, the cutting of what comes in, and the batching of what goes out. It
 * ends by the client's leaving, by `end` (what was sent arrives first) or by `fail` (a protocol error: logged,
 * and dropped at once). Whatever happens here concerns this connection alone.
 */
import type { Socket } from "node:net";
import { adoptSocket } from "./adopt-socket.ts";
import { ByteFeed } from "./byte-feed.ts";
import type { PayloadBuffers } from "./payload-buffers.ts";

/** How long a client that is being disconnected has to take the replies that are still due to it. */
const LEAVE_MS = 1000;
/** Replies up to this length are sent together in one buffer: copying them costs less than a write for each. */
const SMALL_BYTES = 16 * 1024;
const MAX_TOGETHER_BYTES = 256 * 1024;

interface Outgoing {
  bytes: Buffer;
  /** Passed to `onSent`. */
  cost: number;
}

export class Connection {
  readonly feed = new ByteFeed();
  /** What replies are composed in, which go back there when they are sent, and what writes bring. */
  readonly buffers: PayloadBuffers;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  /** What to do when the client says nothing more; it may still be waiting for replies. */
  onClientDone: () => void = () => this.end();
  /** Told when bytes are the kernel's, or the connection is gone, what they were sent with as `cost`. */
  onSent: (cost: number) => void = () => {};
  readonly #socket: Socket;
  readonly #log: (line: string) => void;
  #queue: Outgoing[] = [];
  #unsentBytes = 0;
  #onDrain: (() => void) | undefined;
  #ended = false;

  /** `accepted` comes from a server that pauses what it accepts. */
  constructor(accepted: Socket, buffers: PayloadBuffers, log: (line: string) => void) {
    const socket = adoptSocket(accepted, this.feed);
    this.#socket = socket;
    this.buffers = buffers;
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    // 'close' follows. A client need not wait for the answer to its goodbye.
    socket.on("error", (error) => {
      if (!this.#ended) this.#log(`connection lost: ${error.message}`);
    });
    socket.on("end", () => this.onClientDone());
    socket.on("close", () => {
      this.#ended = true;
      this.feed.end();
      this.#dropQueue();
      resolve();
    });
  }

  /** Nothing more is taken in or sent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes sent that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /**
   * Sends `bytes`: at once where they are many, while they are in the processor's cache, and else with whatever is sent
   * in this turn of the event loop. They are not the caller's any more: where they came from `buffers` they go back
   * there.
   */
  send(bytes: Buffer, cost = 0): void {
    if (this.#ended) {
      this.buffers.give(bytes);
      this.onSent(cost);
      return;
    }
    this.#unsentBytes += bytes.length;
    const isFirst = this.#queue.push({ bytes, cost }) === 1;
    if (bytes.length > SMALL_BYTES) this.#flush();
    // Not a microtask: replies to requests that are done one after the other in this turn go together.
    else if (isFirst) setImmediate(() => this.#flush());
  }

  /** Calls `resume` once the kernel has taken all that was sent. */
  onDrain(resume: () => void): void {
    this.#onDrain = resume;
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
    this.#flush();
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

  #flush(): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#socket.cork();
    for (let at = 0; at < queue.length; ) {
      const end = endOfTogether(queue, at);
      this.#write(end - at === 1 ? queue[at]! : this.#together(queue.slice(at, end)));
      at = end;
    }
    this.#socket.uncork();
  }

  #together(replies: readonly Outgoing[]): Outgoing {
    const length = replies.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const all = this.buffers.take(length);
    let at = 0;
    let cost = 0;
    for (const reply of replies) {
      all.set(reply.bytes, at);
      at += reply.bytes.length;
      cost += reply.cost;
      this.buffers.give(reply.bytes);
    }
    return { bytes: all, cost };
  }

  #write(reply: Outgoing): void {
    // Called with an error too, when the socket is destroyed; the kernel has nothing of the bytes then.
    this.#socket.write(reply.bytes, () => this.#left(reply));
  }

  #left({ bytes, cost }: Outgoing): void {
    this.#unsentBytes -= bytes.length;
    this.buffers.give(bytes);
    this.onSent(cost);
    if (this.#unsentBytes > 0) return;
    const drained = this.#onDrain;
    this.#onDrain = undefined;
    drained?.();
  }

  #dropQueue(): void {
    for (const reply of this.#queue.splice(0)) this.#left(reply);
  }
}

/** Where the run of small replies ends that begins at `first`, or the one that is not small. */
function endOfTogether(queue: readonly Outgoing[], first: number): number {
  let end = first;
  let total = 0;
  while (end < queue.length) {
    const { length } = queue[end]!.bytes;
    total += length;
    if (length > SMALL_BYTES || total > MAX_TOGETHER_BYTES) break;
    end++;
  }
  return Math.max(end, first + 1);
}
