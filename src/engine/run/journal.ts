/**
 * The journal: what a run has taken on this machine, so that it can be released by the run itself, by the
 * disk host when the run is killed, or by a later `tplgraph cleanup`. Written before the thing is taken.
 */

/**
 * Something taken on this machine, as data enough to release it from another process. `kind` picks the
 * releaser; the other fields are the releaser's.
 */
export type Acquisition =
  /** A folder of the run's own, removed with what is in it (never across a mount point). */
  | { kind: "folder"; path: string }
  | { kind: "file"; path: string }
  /** A mount point of the run's own. */
  | { kind: "mount"; path: string }
  /** A loop device over `backingFile`; `device` is known only after it was taken. */
  | { kind: "loop"; backingFile: string }
  /** An nbdfuse mount point (a folder or a file). */
  | { kind: "nbdfuse"; path: string }
  /** A disk that is served over NBD; it ends with the process that serves it. */
  | { kind: "export"; socketPath: string; name: string }
  /** A kernel NBD device that the process `clientPid`, long ended, connected. */
  | { kind: "kernel-nbd"; device: string; clientPid: number };

/** Something held, as the journal sees it. */
export interface Held {
  /** Says that it has been released; the journal forgets it. */
  released(): Promise<void>;
}

export interface Journal {
  /** Writes down that `acquisition` is about to be taken by `node`. Resolves once that is durable against a kill of this process. */
  take(node: string, acquisition: Acquisition): Promise<Held>;
}

/** Releases one acquisition; resolves when it is gone, also when it was never there. Throws when it is still there. */
export type Release = (acquisition: Acquisition, signal: AbortSignal) => Promise<void>;

/** For people: `mount /run/…`. */
export function describeAcquisition(acquisition: Acquisition): string {
  if (acquisition.kind === "loop") return `loop device over ${acquisition.backingFile}`;
  if (acquisition.kind === "kernel-nbd") return `NBD device ${acquisition.device}`;
  if (acquisition.kind === "export")
    return `NBD export nbd+unix:///${acquisition.name}?socket=${acquisition.socketPath}`;
  return `${acquisition.kind} ${acquisition.path}`;
}
