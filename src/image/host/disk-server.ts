/**
 * The NBD server of a run's disks: in the disk host's own thread for all of them, and in others beside it for images
 * that many clients read (`reader-threads.ts`), which are started when there is the first.
 */
import type { BlobStore } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";
import type { BlockDevice } from "../device.ts";
import { NbdServer } from "../nbd/server.ts";
import type { BlobsOrigin } from "./protocol.ts";
import type { Reads, SharedImage } from "./reader-protocol.ts";
import { ReaderThreads } from "./reader-threads.ts";

export interface DiskServerOptions {
  /** Where it listens. */
  socketPath: string;
  blobs: BlobStore;
  /** The same store, for other threads. */
  origin: BlobsOrigin;
  log(line: string): void;
}

export class DiskServer {
  readonly socketPath: string;
  readonly #options: DiskServerOptions;
  readonly #server: NbdServer;
  #threads: Promise<ReaderThreads> | undefined;
  /** Once they run. */
  #running: ReaderThreads | undefined;
  /** The exports that the other threads have had. */
  readonly #shared = new Set<string>();

  static async listen(options: DiskServerOptions): Promise<DiskServer> {
    const server = new DiskServer(options);
    await server.#server.listen(options.socketPath);
    return server;
  }

  private constructor(options: DiskServerOptions) {
    const { log, socketPath } = options;
    this.socketPath = socketPath;
    this.#options = options;
    this.#server = new NbdServer({ log, trace: log, onClient: () => this.#running?.onClient() });
  }

  /** Serves all disks at a port of 127.0.0.1 too, in this thread; returns which. 0: any that is free. */
  async listenAt(port: number): Promise<number> {
    try {
      await this.#server.listen({ port });
    } catch (cause) {
      throw new TplError({
        code: "port-in-use",
        message: `cannot listen on port ${port} of 127.0.0.1: ${cause instanceof Error ? cause.message : cause}`,
        hint: "choose another, or 0 for any that is free",
        cause,
      });
    }
    return this.#server.port!;
  }

  /** Starts the other threads, unless they run; returns the socket at which clients come to each of them in turn. */
  async startThreads(): Promise<string> {
    this.#threads ??= ReaderThreads.start(this.#options);
    this.#running = await this.#threads;
    return this.#running.socketPath;
  }

  addExport(name: string, device: BlockDevice): void {
    this.#server.addExport(name, device);
  }

  /** Has an export's image served by the other threads as well, which were started. */
  async share(image: SharedImage): Promise<void> {
    this.#shared.add(image.name);
    await this.#running!.add(image);
  }

  /** Waits until the export's device has settled its requests. */
  async removeExport(name: string): Promise<void> {
    await Promise.all([
      this.#server.removeExport(name),
      this.#shared.has(name) ? this.#running!.remove(name) : undefined,
    ]);
  }

  /** To be called once, when no export is left. It listens on until the process ends. */
  async end(): Promise<void> {
    await this.#running?.end();
  }

  /** By the other threads, of an export that they have, or had until it was removed. */
  async reads(name: string): Promise<Reads> {
    return this.#shared.has(name) ? await this.#running!.reads(name) : { readBytes: 0 };
  }
}
