/**
 * An NBD server on a unix socket or a loopback port: several exports, any number of clients. The devices stay the caller's: an
 * export must be removed before its device is closed. What a client does wrong ends its own connection, with
 * a line in the log, and nothing else.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { BlockDevice } from "../device.ts";
import type { Agreement } from "./agreement.ts";
import { Connection } from "./connection.ts";
import { handshake } from "./handshake.ts";
import { PayloadBuffers } from "./payload-buffers.ts";
import { MAX_STRING_BYTES } from "./protocol.ts";
import { Transmission } from "./transmission.ts";

export interface NbdServerOptions {
  /** A line for whoever looks for the cause of a failed request or a dropped connection. */
  log?(line: string): void;
}

/** A port of this machine alone: the protocol as served here knows neither encryption nor who asks. */
export interface LoopbackAddress {
  /** 0: any that is free. */
  port: number;
  /** Default: 127.0.0.1. */
  host?: "127.0.0.1" | "::1";
}

export class NbdServer {
  readonly #exports = new Map<string, BlockDevice>();
  readonly #connections = new Set<Connection>();
  readonly #buffers = new PayloadBuffers();
  /** By export. */
  readonly #transmissions = new Map<string, Set<Transmission>>();
  readonly #log: (line: string) => void;
  #server: Server | undefined;
  #accepted = 0;

  constructor(options: NbdServerOptions = {}) {
    this.#log = (line) => options.log?.(line);
  }

  addExport(name: string, device: BlockDevice): void {
    if (this.#exports.has(name)) throw new Error(`bug: there is an export ${name} already`);
    if (Buffer.byteLength(name) > MAX_STRING_BYTES) throw new Error("bug: an export name of over 4096 bytes");
    this.#exports.set(name, device);
  }

  /**
   * Takes no more requests for the export, waits until its device has settled those it has, and disconnects its
   * clients. Resolves at once when there is no such export.
   */
  async removeExport(name: string): Promise<void> {
    this.#exports.delete(name);
    const transmissions = this.#transmissions.get(name) ?? [];
    await Promise.all(Array.from(transmissions, (transmission) => transmission.stop()));
  }

  /**
   * Listens on a socket that is made at a path, where nothing may be, of at most 107 bytes; or on a loopback port.
   */
  async listen(where: string | LoopbackAddress): Promise<void> {
    const address = typeof where === "string" ? { path: where } : loopback(where);
    if (this.#server) throw new Error("bug: the server is listening already");
    // Half-open: a client that has said all it had to say still gets its replies.
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
    this.#server = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(address, resolve);
    await promise;
    server.off("error", reject);
    server.on("error", (error) => this.#log(`the server's socket: ${error.message}`));
  }

  /** Where it listens, if that is a port. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  /** Disconnects all clients as `removeExport` does, and removes the socket. Idempotent. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    if (server?.listening) server.close(() => resolve());
    else resolve();
    await Promise.all([...this.#transmissions.keys()].map((name) => this.removeExport(name)));
    this.#exports.clear();
    for (const connection of this.#connections) connection.end();
    await Promise.all(Array.from(this.#connections, (connection) => connection.closed));
    await promise;
  }

  #accept(socket: Socket): void {
    const client = ++this.#accepted;
    const connection = new Connection(socket, this.#buffers, (line) =>
      this.#log(`client ${client}: ${line}`),
    );
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    handshake(connection, this.#exports, (agreement) => this.#transmit(connection, agreement));
  }

  #transmit(connection: Connection, agreement: Agreement): void {
    const { name } = agreement;
    const transmission = new Transmission(connection, agreement);
    const ofExport = this.#transmissions.get(name) ?? new Set();
    this.#transmissions.set(name, ofExport.add(transmission));
    void transmission.finished().then(() => {
      ofExport.delete(transmission);
      if (ofExport.size === 0 && this.#transmissions.get(name) === ofExport) this.#transmissions.delete(name);
    });
  }
}

function loopback({ port, host = "127.0.0.1" }: LoopbackAddress): { port: number; host: string } {
  if (host !== "127.0.0.1" && host !== "::1") throw new Error(`bug: ${host} is not a loopback address`);
  return { port, host };
}
