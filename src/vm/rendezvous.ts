/**
 * A unix socket for one visitor: we listen, QEMU connects. The other way round there would be a race for when
 * QEMU's socket exists, and a guest could talk before anybody listens.
 */
import { createServer, type Socket } from "node:net";

export interface Rendezvous {
  path: string;
  /** Settles when the visitor is there; rejects when `signal` aborts first. */
  visitor(signal: AbortSignal): Promise<Socket>;
  /** Stops listening, and closes the connection. */
  close(): void;
}

export async function rendezvousAt(path: string): Promise<Rendezvous> {
  const server = createServer();
  const visitor = Promise.withResolvers<Socket>();
  // A connection that ends badly shows as the end of the machine, not as an error event nobody listens to.
  visitor.promise.catch(() => {});
  server.once("connection", (socket) => {
    socket.on("error", () => socket.destroy());
    visitor.resolve(socket);
    server.close();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    path,
    async visitor(signal) {
      const onAbort = () => visitor.reject(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return await visitor.promise;
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
    close() {
      visitor.reject(new Error("the socket was closed"));
      server.close();
      visitor.promise.then(
        (socket) => socket.destroy(),
        () => {},
      );
    },
  };
}
