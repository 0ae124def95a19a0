/**
 * A disk: an image opened for a step, as a copy-on-write view served over NBD by the disk host. What the step
 * writes stays in a private overlay until `seal` makes a new image of it. These are the types; `image/` has the rest.
 */
import type { Digest, ImageArtifact } from "../artifact.ts";

export interface OpenDiskOptions {
  /** What it shows at first; absent: zeros. */
  image?: ImageArtifact;
  /** The size of the view; default that of the image. More than the image: zeros behind it. A multiple of 512. */
  sizeBytes?: number;
  readOnly?: boolean;
  /** What NBD clients know it by, which no other disk of the run has; default: a name that is given to it. */
  exportName?: string;
  /**
   * Served by several threads: for many clients, or one that reads over several connections. Only of an `image`, and
   * `readOnly`; at a `port` there is one.
   */
  parallel?: boolean;
  /** From this disk on, the run's disks are served at this port of 127.0.0.1 too. 0: at any that is free. */
  port?: number;
  /**
   * `view` (default): served over NBD; the image is read where and when it is needed, the disk costs what is written.
   * `file`: the whole content is first written to a raw file of its own, which `file`, `device` and `mount` are then
   * over: for what reads or writes nearly all of it. Needs an `image`, and python3 to seal; it is not served.
   */
  backing?: "view" | "file";
  /**
   * `anyone` (default): tools that open `file()` see what an NBD client wrote before they did. `tools`: there is no such
   * client, so the kernel keeps what one tool has read for the next.
   */
  usedBy?: "anyone" | "tools";
}

export interface Disk {
  readonly sizeBytes: number;
  /** For a VM or an NBD client, not with `backing: "file"`: `nbd+unix:///EXPORT?socket=PATH`. */
  readonly uri: string;
  /** The two parts of `uri`. */
  readonly socketPath: string;
  readonly exportName: string;
  /** Where a port was asked for. */
  readonly port?: number;
  /**
   * What the disk holds at `offset`, at most 64 KiB, fewer where the disk ends: for a look at a superblock. What tools
   * wrote to `file()` shows at once, what was written through a mount or a device once that is gone.
   */
  read(offset: number, bytes: number): Promise<Buffer>;
  /** Of what the disk holds in these ranges, one after the other: the content of a file that lies there. */
  digest(ranges: readonly ContentRange[]): Promise<Digest>;
  /** What one tool has read of `file()` the kernel keeps for the next (`usedBy: "tools"`). Absent: it does not. */
  readonly keepsRead?: boolean;
  /** A path that tools can open like an image file (nbdfuse) for as long as the disk is open. The same at every call. */
  file(): Promise<string>;
  /** A block device over the disk (kernel NBD, or loop over `file()`). Needs root. The same at every call. */
  device(): Promise<string>;
  /** Mounts the file system and returns the mount point. Needs root; the file system must be a checked one. */
  mount(options?: MountOptions): Promise<string>;
  /** Unmounts, with whatever was written flushed: a write-back error surfaces here. Throws when it is busy. */
  unmount(): Promise<void>;
  /**
   * Detaches everything, flushes, and stores what the disk holds as an image, hashing dirty chunks alone.
   * `sizeBytes`: cut to this size (a shrunken file system). The disk is closed by it.
   */
  seal(options?: { sizeBytes?: number }): Promise<ImageArtifact>;
  stats(): Promise<DiskStats>;
}

/** A part of a file's content. */
export interface ContentRange {
  /** Of the disk. Absent: it lies nowhere, and is zeros. */
  offset?: number;
  bytes: number;
}

/** So far. */
export interface DiskStats {
  /** From the store. */
  readBytes: number;
  /** To the overlay. */
  writtenBytes: number;
  dirtyBytes: number;
  /** Why the first request that was answered with an I/O error was, if any. */
  fault?: string;
}

export interface MountOptions {
  /** File system type. Default `ext4`. */
  type?: string;
  readOnly?: boolean;
  /** Beside `ro`/`rw`, `nodev,nosuid` being off: a copy needs both to be faithful. Default `["discard"]` where writable. */
  options?: readonly string[];
}
