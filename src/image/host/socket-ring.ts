/**
 * One path for the sockets of several threads: a link that leads to each of them in turn. Whoever has accepted a client
 * turns it on, so that the next one, or the next connection of the same one, comes to the next thread. A thread of Node
 * can listen for itself, but not be handed a connection that another one accepted.
 */
import { renameSync, symlinkSync } from "node:fs";
import { basename } from "node:path";

export interface SocketRing {
  /** Of the link. */
  path: string;
  /** Of the sockets, in the same folder. */
  sockets: readonly string[];
}

/** Turns the link on to the socket behind that at `place`. Any thread may do so at any time, each with its own place. */
export function turn({ path, sockets }: SocketRing, place: number): void {
  const next = sockets[(place + 1) % sockets.length]!;
  const made = `${path}.${place}`;
  try {
    symlinkSync(basename(next), made);
    renameSync(made, path);
  } catch (error) {
    // The folder is gone: a client came at the very end, and none will after it.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
