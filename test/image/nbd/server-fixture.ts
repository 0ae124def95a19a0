/** A server on a socket of its own for each test, with the lines it logged. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NbdServer } from "../../../src/image/nbd/server.ts";
import { RawClient } from "./raw-client.ts";

export interface ServerFixture extends AsyncDisposable {
  server: NbdServer;
  socketPath: string;
  log: string[];
  connect(): Promise<RawClient>;
}

export async function startServer(): Promise<ServerFixture> {
  const folder = await mkdtemp(join(tmpdir(), "nbd-"));
  const socketPath = join(folder, "socket");
  const log: string[] = [];
  const server = new NbdServer({ log: (line) => log.push(line) });
  await server.listen(socketPath);
  const clients: RawClient[] = [];
  return {
    server,
    socketPath,
    log,
    async connect() {
      const client = await RawClient.connect(socketPath);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.socket.destroy();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
