/**
 * One path for the sockets of several threads: a link that leads to each of them in turn. Whoever has accepted a client
 * turns it on, so that the next one, or the next connection of the same one, comes to the next thread. A thread of Node
 * can listen for itself, but not be handed a connection that another one accepted.
 */
import { renameSync, rmSync, symlinkSync } from "node:fs";
import { basename } from "node:path";

export interface SocketRing {
  /** Of the link. */
  path: string;
  /** Of the sockets, in the same folder. */
  sockets: readonly string[];
}

/** Makes the link, to the socket that is first for clients. */
export function linkRing(ring: SocketRing): void {
  symlinkSync(nextOf(ring, 0), ring.path);
}

/**
 * Turns the link on to the socket behind that at `place`. Any thread may do so at any time, each with its own place. Where
 * it cannot be done (no room, or the run is over) the link stays, and the next client comes to the same thread again.
 */
export function turn(ring: SocketRing, place: number): void {
  const made = `${ring.path}.${place}`;
  try {
    symlinkSync(nextOf(ring, place), made);
    renameSync(made, ring.path);
  } catch {
    rmSync(made, { force: true });
  }
}

function nextOf({ sockets }: SocketRing, place: number): string {
  return basename(sockets[(place + 1) % sockets.length]!);
}
