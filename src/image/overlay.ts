/**
 * The overlay of a copy-on-write view: one sparse file, as long as the view, in which a written block stands
 * at its own offset. Private to the view that made it, and removed when that closes. What it holds is known
 * from the view's dirty map alone: after a crash it means nothing.
 */
import { close, fdatasync, ftruncate, open, read, readSync, writev, writevSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { promisify } from "node:util";
import { FastCalls } from "../engine/fast-calls.ts";
import { deviceError } from "./device-error.ts";

const openFile = promisify(open);
const truncateFile = promisify(ftruncate);
const syncData = promisify(fdatasync);
const closeFile = promisify(close);

export class Overlay {
  readonly path: string;
  readonly #fd: number;
  /** Calls in the thread pool: the descriptor must not be closed, and its number used again, under them. */
  #pending = 0;
  #closing = false;
  readonly #idle = Promise.withResolvers<void>();
  #writtenBytes = 0;
  readonly #reads = new FastCalls();
  readonly #writes = new FastCalls();
  /**
   * Writes in the thread pool go one after the other: a file system lets one at a time write to a file, and those that
   * wait for their turn take a processor each.
   */
  #lastInPool: Promise<unknown> = Promise.resolve();

  /** Throws where something is at `path` already. */
  static async create(path: string, sizeBytes: number): Promise<Overlay> {
    const fd = await openFile(path, "wx+", 0o600);
    try {
      await truncateFile(fd, sizeBytes);
    } catch (error) {
      await closeFile(fd);
      await unlink(path);
      throw error;
    }
    return new Overlay(path, fd);
  }

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Fills `into` from `offset` on. */
  async read(into: Buffer, offset: number): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const bytes = await this.#track(() => this.#readOnce(into, done, offset + done));
      if (bytes === 0) throw deviceError("EIO", `the overlay ${this.path} ends early`);
      done += bytes;
    }
  }

  /** Writes the buffers one after the other from `offset` on. Undefined: they are written. Throws or rejects with what `writev` says. */
  write(buffers: readonly Buffer[], offset: number): Promise<void> | undefined {
    if (this.#closing) throw closed();
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    let written = 0;
    if (this.#writes.expectFast(length)) {
      written = timed(this.#writes, length, () => writevSync(this.#fd, buffers, offset));
      this.#writtenBytes += written;
      if (written === length) return undefined;
    }
    return this.#writeOn(withoutFirst(buffers, written), offset + written);
  }

  async #writeOn(buffers: readonly Buffer[], offset: number): Promise<void> {
    let rest = buffers;
    while (rest.length > 0) {
      const bytes = await this.#track(() => this.#writeInPool(rest, offset));
      if (bytes === 0) throw deviceError("EIO", `the overlay ${this.path} takes no more`);
      this.#writtenBytes += bytes;
      offset += bytes;
      rest = withoutFirst(rest, bytes);
    }
  }

  async flush(): Promise<void> {
    await this.#track(() => syncData(this.#fd));
  }

  /** Waits for the calls that are going on, closes and removes the file. Later calls reject. To be called once. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#pending > 0) await this.#idle.promise;
    await closeFile(this.#fd);
    await unlink(this.path);
  }

  async #track<T>(call: () => T | Promise<T>): Promise<T> {
    if (this.#closing) throw closed();
    this.#pending++;
    try {
      return await call();
    } finally {
      if (--this.#pending === 0 && this.#closing) this.#idle.resolve();
    }
  }

  #readOnce(into: Buffer, at: number, offset: number): number | Promise<number> {
    const length = into.length - at;
    if (this.#reads.expectFast(length))
      return timed(this.#reads, length, () => readSync(this.#fd, into, at, length, offset));
    return new Promise((resolve, reject) => {
      read(this.#fd, into, at, length, offset, (error, bytes) => (error ? reject(error) : resolve(bytes)));
    });
  }

  #writeInPool(buffers: readonly Buffer[], offset: number): Promise<number> {
    const write = () => writeFrom(this.#fd, buffers, offset);
    const written = this.#lastInPool.then(write, write);
    this.#lastInPool = written;
    return written;
  }
}

function writeFrom(fd: number, buffers: readonly Buffer[], offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, buffers, offset, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });
}

function closed(): Error {
  return deviceError("ESHUTDOWN", "the view is closed");
}

function timed(calls: FastCalls, bytes: number, call: () => number): number {
  const began = performance.now();
  const done = call();
  calls.took(performance.now() - began, bytes);
  return done;
}

function withoutFirst(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  const rest: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
