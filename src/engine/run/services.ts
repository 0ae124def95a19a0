/**
 * What a run needs of this machine beyond its store: started when the first node really runs, closed when the
 * run ends. `image/host/client.ts` implements it with the disk host; tests, in memory.
 */
import type { FileArtifact, ImageArtifact } from "../artifact.ts";
import type { Disk, OpenDiskOptions } from "../plugin/disk.ts";
import type { Journal, Release } from "./journal.ts";

export interface Services {
  journal: Journal;
  release: Release;
  /** The run's own folder for scratch folders; short enough that a socket path in it fits in 107 bytes. Removed by `close`. */
  runFolder: string;
  /**
   * Opens a disk for `node`; the caller registers `close` as a cleanup hook before using the disk. The options for
   * storing are those of a `seal` of it.
   */
  openDisk(node: string, options: OpenDiskOptions, storing?: StoringOptions): Promise<OpenedDisk>;
  putFile(path: string, storing?: Pick<StoringOptions, "onAdded">): Promise<FileArtifact>;
  putImage(path: string, storing?: StoringOptions): Promise<ImageArtifact>;
  /** Resolves with the reason when they have ended by themselves: nothing that runs can go on then. */
  died?: Promise<Error>;
  /** Says goodbye: what is still held is released, in reverse order of taking, and what could not be is told. */
  close(): Promise<{ hook: string; error: unknown }[]>;
}

export interface StoringOptions {
  /** Aborting it ends the storing at once, with the signal's reason. */
  signal?: AbortSignal;
  /** Told by how many bytes the store has grown; what it had already counts nothing. */
  onAdded?(bytes: number): void;
}

export interface OpenedDisk {
  disk: Disk;
  /** Unmounts, detaches and discards the overlay. Idempotent; nothing to do after `seal`. */
  close(signal: AbortSignal): Promise<void>;
  /** The first damaged artifact that a read of this disk met (`ArtifactDamaged`), if any: the true cause of a tool's I/O error. */
  fault(): Promise<Error | undefined>;
}

/** Starts the services of run `run`; called once, when the first node runs. */
export type StartServices = (run: string) => Promise<Services>;

/** Set in the environment of every process a run starts: what is left of a killed run is found by it. Value: the run's id. */
export const RUN_VARIABLE = "TPLGRAPH_RUN";
