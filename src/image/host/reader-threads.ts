/**
 * Threads that serve images which are only read beside the disk host's own, so that many clients, or the connections of
 * one, are served by as many processors. Each has a socket (`socket-ring.ts`). The disk host's own thread is one of
 * them, and serves the same exports.
 */
import { availableParallelism } from "node:os";
import { dirname, extname, join } from "node:path";
import { Worker } from "node:worker_threads";
import type { BlobStore } from "../../engine/blobs.ts";
import type { BlobsOrigin } from "./protocol.ts";
import type { HostCalls, ReaderCalls, ReaderThreadData, Reads, SharedImage } from "./reader-protocol.ts";
import { linkRing, type SocketRing, turn } from "./socket-ring.ts";
import { type Ask, callsOver, type Port } from "./thread-calls.ts";

/** Together with the disk host's own. A few of them send more than a machine's clients take in. */
const MIN_THREADS = 2;
const MAX_THREADS = 4;

export interface ReaderThreadsOptions {
  /** The socket of the disk host's own thread; those of the others, and the link, lie beside it. */
  socketPath: string;
  /** Opened by each thread for what lies in the store's folder. */
  origin: BlobsOrigin;
  /** Who fetches what does not. */
  blobs: BlobStore;
  log(line: string): void;
}

export class ReaderThreads {
  readonly #ring: SocketRing;
  readonly #threads: readonly Ask<ReaderCalls>[];
  /** Of exports that were removed. */
  readonly #ended = new Map<string, Reads>();

  /** Resolves when clients can connect. */
  static async start(options: ReaderThreadsOptions): Promise<ReaderThreads> {
    const { socketPath } = options;
    const folder = dirname(socketPath);
    const count = Math.max(MIN_THREADS, Math.min(MAX_THREADS, availableParallelism()));
    const others = Array.from({ length: count - 1 }, (_, place) => join(folder, `nbd${place + 1}.sock`));
    const ring = { path: join(folder, "threads.sock"), sockets: [socketPath, ...others] };
    const threads = others.map((_, place) => startThread(place + 1, ring, options));
    await Promise.all(threads.map((ask) => ask("listen", null)));
    linkRing(ring);
    return new ReaderThreads(ring, threads);
  }

  private constructor(ring: SocketRing, threads: readonly Ask<ReaderCalls>[]) {
    this.#ring = ring;
    this.#threads = threads;
  }

  /** Where clients connect. */
  get socketPath(): string {
    return this.#ring.path;
  }

  /** The disk host's own thread has got a client. */
  onClient(): void {
    turn(this.#ring, 0);
  }

  /** Serves an image that the disk host's own thread serves under the same name. */
  async add(shared: SharedImage): Promise<void> {
    this.#ended.delete(shared.name);
    await Promise.all(this.#threads.map((ask) => ask("add", shared)));
  }

  /** Takes no more requests for the export, and disconnects its clients. */
  async remove(name: string): Promise<void> {
    const ended = await Promise.all(this.#threads.map((ask) => ask("remove", name)));
    this.#ended.set(name, together(ended));
  }

  /** To be called once, when no export is left. */
  async end(): Promise<void> {
    // One after the other: each adds to what the one before has remembered of the store.
    for (const ask of this.#threads) await ask("end", null);
  }

  /** Of all threads but the disk host's own; of a removed export too. */
  async reads(name: string): Promise<Reads> {
    const ended = this.#ended.get(name);
    return ended ?? together(await Promise.all(this.#threads.map((ask) => ask("reads", name))));
  }
}

function startThread(place: number, ring: SocketRing, options: ReaderThreadsOptions): Ask<ReaderCalls> {
  const { origin, blobs, log } = options;
  const workerData: ReaderThreadData = { place, ring, blobs: origin };
  const worker = new Worker(new URL(`./reader-thread${extname(import.meta.url)}`, import.meta.url), {
    execArgv: [],
    workerData,
  });
  // As an error that nobody caught in the disk host itself: it ends, and releases what it holds.
  worker.on("error", (error) => {
    throw error;
  });
  worker.unref();
  return callsOver<ReaderCalls, HostCalls>(worker as Port, { blob: (digest) => blobs.get(digest), log });
}

function together(reads: readonly Reads[]): Reads {
  const fault = reads.find((one) => one.fault)?.fault;
  return { readBytes: reads.reduce((sum, one) => sum + one.readBytes, 0), ...(fault && { fault }) };
}
