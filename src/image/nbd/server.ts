/**
 * An NBD server on a unix socket: several exports, any number of clients. The devices stay the caller's: an
 * export must be removed before its device is closed. What a client does wrong ends its own connection, with
 * a line in the log, and nothing else.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { BlockDevice } from "../device.ts";
import { Connection } from "./connection.ts";
import { handshake } from "./handshake.ts";
import { MAX_STRING_BYTES } from "./protocol.ts";
import { Transmission } from "./transmission.ts";

export interface NbdServerOptions {
  /** A line for whoever looks for the cause of a failed request or a dropped connection. */
  log?(line: string): void;
}

export class NbdServer {
  readonly #exports = new Map<string, BlockDevice>();
  readonly #connections = new Set<Connection>();
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

  /** Listens on a socket that is made at `socketPath`, where nothing may be. At most 107 bytes. */
  async listen(socketPath: string): Promise<void> {
    if (this.#server) throw new Error("bug: the server is listening already");
    // Half-open: a client that has said all it had to say still gets its replies.
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(socketPath, resolve);
    await promise;
    server.off("error", reject);
    server.on("error", (error) => this.#log(`the server's socket: ${error.message}`));
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
    const connection = new Connection(socket, (line) => this.#log(`client ${client}: ${line}`));
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    handshake(connection, this.#exports, (name, device) => this.#transmit(connection, name, device));
  }

  #transmit(connection: Connection, name: string, device: BlockDevice): void {
    const transmission = new Transmission(connection, device);
    const ofExport = this.#transmissions.get(name) ?? new Set();
    this.#transmissions.set(name, ofExport.add(transmission));
    void transmission.finished().then(() => {
      ofExport.delete(transmission);
      if (ofExport.size === 0 && this.#transmissions.get(name) === ofExport) this.#transmissions.delete(name);
    });
  }
}
