/**
 * Receiving into memory of our own. Node gives everything that comes in memory of its own, 64 KiB before it is known
 * how much that will be: at some ten thousand small requests a second the garbage collector has more to do with it
 * than the server with the requests. A `net.Socket` can receive into given memory (its option `onread`), but a
 * `net.Server` has no way to ask for it, so the accepted connection goes over to a socket that has.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";

export interface Receiver {
  /** Where the next bytes are to go, at least one. */
  memory(): Buffer;
  /** So many came there. */
  received(bytes: number): void;
}

/** What `@types/node` leaves out: the connection itself, which `net.Server` hands to the sockets that it makes. */
type Handle = { _handle: unknown };
type HandleOptions = SocketConstructorOpts & { handle: unknown };

/** `accepted` comes from a server that pauses what it accepts; it belongs to the returned socket from then on. */
export function adoptSocket(accepted: Socket, receiver: Receiver): Socket {
  const onread: OnReadOpts = {
    // Called before each read, for which the types have no word.
    buffer: (() => receiver.memory()) as unknown as Uint8Array,
    callback(bytes) {
      receiver.received(bytes);
      return true;
    },
  };
  const { _handle: handle } = accepted as unknown as Handle;
  (accepted as unknown as Handle)._handle = null;
  const socket = new Socket({ handle, allowHalfOpen: true, onread } as HandleOptions);
  // The server counts the sockets that it made.
  socket.once("close", () => accepted.destroy());
  return socket;
}
