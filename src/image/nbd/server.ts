/**
 * An NBD server on a unix socket or a loopback port: several exports, any number of clients. The devices stay the caller's: an
 * export must be removed before its device is closed. What a client does wrong ends its own connection, with
 * a line in the log, and nothing else.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { BlockDevice } from "../device.ts";
import type { Agreement } from "./agreement.ts";
import { Connection } from "./connection.ts";
import type { Export } from "./exports.ts";
import { handshake } from "./handshake.ts";
import { PayloadBuffers } from "./payload-buffers.ts";
import { MAX_STRING_BYTES } from "./protocol.ts";
import { Transmission } from "./transmission.ts";

export interface NbdServerOptions {
  /** A line for whoever looks for the cause of a failed request or a dropped connection. */
  log?(line: string): void;
  /** A line for who wants to see clients come and go, and how much they read and wrote. */
  trace?(line: string): void;
  /** A client has connected; it has not said yet what it wants. */
  onClient?(): void;
}

/** A port of this machine alone: the protocol as served here knows neither encryption nor who asks. */
export interface LoopbackAddress {
  /** 0: any that is free. */
  port: number;
  /** Default: 127.0.0.1. */
  host?: "127.0.0.1" | "::1";
}

export class NbdServer {
  readonly #offer = { exports: new Map<string, Export>(), isClosing: false };
  readonly #connections = new Set<Connection>();
  readonly #buffers = new PayloadBuffers();
  /** By export. */
  readonly #transmissions = new Map<string, Set<Transmission>>();
  readonly #log: (line: string) => void;
  readonly #trace: (line: string) => void;
  readonly #onClient: () => void;
  readonly #servers = new Set<Server>();
  #accepted = 0;

  constructor(options: NbdServerOptions = {}) {
    this.#log = (line) => options.log?.(line);
    this.#trace = (line) => options.trace?.(line);
    this.#onClient = () => options.onClient?.();
  }

  /** `description` is for people who list what the server has. Name and description: at most 4096 bytes each. */
  addExport(name: string, device: BlockDevice, options: { description?: string } = {}): void {
    if (this.#offer.exports.has(name)) throw new Error(`bug: there is an export ${name} already`);
    const { description = "" } = options;
    if (Math.max(Buffer.byteLength(name), Buffer.byteLength(description)) > MAX_STRING_BYTES)
      throw new Error("bug: an export's name or description of over 4096 bytes");
    this.#offer.exports.set(name, { device, ...options });
  }

  /**
   * Takes no more requests for the export, waits until its device has settled those it has, and disconnects its
   * clients. Resolves at once when there is no such export.
   */
  async removeExport(name: string): Promise<void> {
    this.#offer.exports.delete(name);
    const transmissions = this.#transmissions.get(name) ?? [];
    await Promise.all(Array.from(transmissions, (transmission) => transmission.stop()));
  }

  /**
   * Listens on a socket that is made at a path, where nothing may be, of at most 107 bytes; or on a loopback port. May
   * be called again: all exports are to be had at each place.
   */
  async listen(where: string | LoopbackAddress): Promise<void> {
    const address = typeof where === "string" ? { path: where } : loopback(where);
    // Half-open: a client that has said all it had to say still gets its replies.
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(address, resolve);
    await promise;
    server.off("error", reject);
    server.on("error", (error) => this.#log(`the server's socket: ${error.message}`));
    this.#servers.add(server);
  }

  /** Where it listens last, if that is a port. */
  get port(): number | undefined {
    const address = [...this.#servers].at(-1)?.address();
    return address !== null && typeof address === "object" ? address.port : undefined;
  }

  /** Disconnects all clients as `removeExport` does, and removes the socket. Idempotent. */
  async close(): Promise<void> {
    this.#offer.isClosing = true;
    const closed = Array.from(this.#servers, closeServer);
    this.#servers.clear();
    await Promise.all([...this.#transmissions.keys()].map((name) => this.removeExport(name)));
    this.#offer.exports.clear();
    for (const connection of this.#connections) connection.end();
    await Promise.all(Array.from(this.#connections, (connection) => connection.closed));
    await Promise.all(closed);
    this.#offer.isClosing = false;
  }

  #accept(socket: Socket): void {
    const client = ++this.#accepted;
    this.#onClient();
    const connection = new Connection(socket, this.#buffers, (line) =>
      this.#log(`client ${client}: ${line}`),
    );
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    handshake(connection, this.#offer, (agreement) => {
      this.#trace(`client ${client}: has ${JSON.stringify(agreement.name)}`);
      const transmission = this.#transmit(connection, agreement);
      void transmission
        .finished()
        .then(() => this.#trace(`client ${client}: gone, ${transmission.summary()}`));
    });
  }

  #transmit(connection: Connection, agreement: Agreement): Transmission {
    const { name } = agreement;
    const transmission = new Transmission(connection, agreement);
    const ofExport = this.#transmissions.get(name) ?? new Set();
    this.#transmissions.set(name, ofExport.add(transmission));
    void transmission.finished().then(() => {
      ofExport.delete(transmission);
      if (ofExport.size === 0 && this.#transmissions.get(name) === ofExport) this.#transmissions.delete(name);
    });
    return transmission;
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function loopback({ port, host = "127.0.0.1" }: LoopbackAddress): { port: number; host: string } {
  if (host !== "127.0.0.1" && host !== "::1") throw new Error(`bug: ${host} is not a loopback address`);
  return { port, host };
}
