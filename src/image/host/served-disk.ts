/**
 * One open disk in the disk host: a copy-on-write view with its NBD export, or a raw file, and what is attached over it. Tools that
 * open its file see what a VM wrote before they did; a device or a mount shows it only when attached afterwards.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import type { Digest, ImageArtifact } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";
import type { ContentRange, MountOptions } from "../../engine/plugin/disk.ts";
import { attachLoop } from "../attach/loop.ts";
import { mountDevice, unmountFlushed } from "../attach/mount.ts";
import { attachNbdfuse } from "../attach/nbdfuse.ts";
import { becomes } from "../attach/waiting.ts";
import { holderNames } from "../process/run-processes.ts";
import type { SealOptions } from "../seal.ts";
import type { ViewStats } from "../view.ts";
import { attachKernelNbd } from "./attach-kernel-nbd.ts";
import { Attachments } from "./attachments.ts";
import type { DiskServer } from "./disk-server.ts";
import { fromMessage } from "./error-message.ts";
import type { JournalFile } from "./journal-file.ts";
import { type DiskContent, RawContent } from "./raw-content.ts";
import type { RunFolders } from "./run-folders.ts";

/** How long a mount may stay busy by itself: something outside the run, a prober of devices, looks at it. */
const BUSY_MS = 500;

/** It goes to the run's process in a message. */
const MAX_READ_BYTES = 64 * 1024;

const DIGEST_PIECE_BYTES = 1024 * 1024;

export interface DiskSurroundings {
  blobs: BlobStore;
  journal: JournalFile;
  server: DiskServer;
  folders: RunFolders;
  /** Aborted when the run is gone: what is being attached is no longer wanted. */
  ending: AbortSignal;
  log(line: string): void;
}

interface DiskParts {
  name: string;
  exportName: string;
  /** Where clients connect. */
  socketPath: string;
  node: string;
  view: DiskContent;
  usedBy: "anyone" | "tools";
  /** The journal entries of its overlay and its export, or of its raw file; in the order of taking. */
  entries: readonly number[];
  around: DiskSurroundings;
  addedBytes(): number;
}

export class ServedDisk {
  /** In the names of its files. */
  readonly name: string;
  readonly exportName: string;
  readonly socketPath: string;
  readonly view: DiskContent;
  readonly #node: string;
  readonly #usedBy: DiskParts["usedBy"];
  readonly #entries: readonly number[];
  readonly #around: DiskSurroundings;
  readonly #addedBytes: () => number;
  readonly #attachments: Attachments;
  #file: Promise<string> | undefined;
  #device: Promise<string> | undefined;
  /** A step has the device's path, and may use it until the disk is closed. */
  #deviceIsGiven = false;
  #isClosed = false;

  constructor(parts: DiskParts) {
    const { name, exportName, socketPath, node, view, usedBy, entries, around, addedBytes } = parts;
    this.name = name;
    this.exportName = exportName;
    this.socketPath = socketPath;
    this.view = view;
    this.#node = node;
    this.#usedBy = usedBy;
    this.#entries = entries;
    this.#around = around;
    this.#addedBytes = addedBytes;
    this.#attachments = new Attachments(around.journal, node, around.ending);
  }

  /** Whether the kernel keeps what was read of its file: not where anyone else may write to the disk meanwhile. */
  get keepsRead(): boolean {
    return this.#usedBy === "tools" && !(this.view instanceof RawContent);
  }

  /** By how many bytes the store has grown through sealing it. */
  get addedBytes(): number {
    return this.#addedBytes();
  }

  /** Of all threads that serve it. */
  async stats(): Promise<ViewStats> {
    const stats = this.view.stats();
    const { readBytes } = await this.#around.server.reads(this.exportName);
    return { ...stats, readBytes: stats.readBytes + readBytes };
  }

  /** Why requests failed, as `CowView.fault`, in any of the threads that serve it. */
  async fault(): Promise<Error | undefined> {
    const fault = this.view.fault();
    if (fault) return fault;
    const { fault: elsewhere } = await this.#around.server.reads(this.exportName);
    return elsewhere && fromMessage(elsewhere);
  }

  async read(offset: number, bytes: number): Promise<Buffer> {
    if (bytes > MAX_READ_BYTES) throw new Error(`bug: ${bytes} bytes are too many for a look at a disk`);
    return await this.view.read(offset, Math.max(0, Math.min(bytes, this.view.sizeBytes - offset)));
  }

  async digest(ranges: readonly ContentRange[]): Promise<Digest> {
    const hash = createHash("sha256");
    for (const { offset, bytes } of ranges)
      for (let done = 0; done < bytes; done += DIGEST_PIECE_BYTES) {
        const length = Math.min(DIGEST_PIECE_BYTES, bytes - done);
        hash.update(
          offset === undefined ? Buffer.alloc(length) : await this.view.read(offset + done, length),
        );
      }
    return `sha256:${hash.digest("hex")}`;
  }

  file(): Promise<string> {
    this.#file ??= this.#attachFile().catch((error) => {
      this.#file = undefined;
      throw error;
    });
    return this.#file;
  }

  device(): Promise<string> {
    this.#deviceIsGiven = true;
    return this.#attachedDevice();
  }

  async mount(options: MountOptions): Promise<string> {
    needRoot("mount a file system");
    if (this.#mountPoint) throw new Error(`bug: disk ${this.name} of ${this.#node} is mounted already`);
    const device = await this.#attachedDevice();
    const path = this.#path("mnt");
    const readOnly = options.readOnly ?? this.view.readOnly;
    const { type = "ext4" } = options;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    await this.#attachments.take({ kind: "mount", path }, () =>
      mountDevice({
        device,
        path,
        type,
        readOnly,
        // What an ext4 image says itself of what is to happen on an error may be "panic".
        options: [
          ...(type === "ext4" ? ["errors=remount-ro"] : []),
          ...(options.options ?? (readOnly ? [] : ["discard"])),
        ],
        signal: this.#around.ending,
      }),
    );
    return path;
  }

  /** With whatever was written flushed down to the overlay. Throws TplError `mount-busy`. */
  async unmount(): Promise<void> {
    const path = this.#mountPoint;
    if (path === undefined) return;
    try {
      await this.#attachments.releaseTop(() => this.#unmountWhenFree(path));
    } catch (error) {
      // The kernel and its tools know of an I/O error; the view knows what it came from.
      throw this.view.fault() ?? error;
    }
    if (!this.#deviceIsGiven) await this.#detachDevice();
    await this.#flush();
  }

  /** Detaches, flushes and stores what the disk holds. The disk is closed by it; after an error it is not. */
  async seal(options: SealOptions): Promise<ImageArtifact> {
    await this.unmount();
    await this.#detach("gently");
    await this.#around.server.removeExport(this.exportName);
    await this.#flush();
    const image = await this.view.seal(options);
    await this.close();
    return image;
  }

  /** Detaches everything, ending processes of the run that are in the way, and drops the overlay. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#detach("forcibly");
    await this.#around.server.removeExport(this.exportName);
    await this.view.close();
    for (const entry of this.#entries.toReversed()) this.#around.journal.released(entry);
    this.#isClosed = true;
  }

  get #mountPoint(): string | undefined {
    const top = this.#attachments.top;
    return top?.kind === "mount" ? top.path : undefined;
  }

  async #attachFile(): Promise<string> {
    if (this.view instanceof RawContent) return this.view.path;
    const path = this.#path("img");
    // An empty file to mount over; not touched again, since from then on it is a file system served from here.
    writeFileSync(path, "", { flag: "wx", mode: 0o600 });
    const uri = `nbd+unix:///${encodeURIComponent(this.exportName)}?socket=${encodeURI(this.#around.server.socketPath)}`;
    await this.#attachments.take({ kind: "nbdfuse", path }, () =>
      attachNbdfuse({
        uri,
        path,
        readOnly: this.view.readOnly,
        keepsCache: this.keepsRead,
        signal: this.#around.ending,
      }),
    );
    return path;
  }

  #attachedDevice(): Promise<string> {
    this.#device ??= this.#attachDevice().catch((error) => {
      this.#device = undefined;
      throw error;
    });
    return this.#device;
  }

  async #attachDevice(): Promise<string> {
    needRoot("attach a block device");
    const { journal, server, log } = this.#around;
    const { readOnly } = this.view;
    const request = { socketPath: server.socketPath, exportName: this.exportName, readOnly, log };
    const served = !(this.view instanceof RawContent);
    const kernel = served ? await attachKernelNbd(journal, this.#node, request) : undefined;
    if (kernel) {
      this.#attachments.add(kernel);
      return kernel.acquisition.device;
    }
    const backingFile = await this.file();
    return await this.#attachments.take({ kind: "loop", backingFile }, () =>
      attachLoop(backingFile, { readOnly, signal: this.#around.ending }),
    );
  }

  async #unmountWhenFree(path: string): Promise<void> {
    let busy: unknown;
    const unmounted = async () => {
      try {
        await unmountFlushed(path);
        return true;
      } catch (error) {
        if (!(error instanceof TplError && error.code === "mount-busy")) throw error;
        busy = error;
        return false;
      }
    };
    if (await becomes(unmounted, { timeoutMs: BUSY_MS })) return;
    const holders = await holderNames(this.#around.journal.header.run, path);
    throw new TplError({
      code: "mount-busy",
      message: `${path} is still in use${holders.length > 0 ? ` by ${holders.join(", ")}` : ""}`,
      hint: "a step must end what it started in a mounted tree before it unmounts it",
      cause: busy,
    });
  }

  /** The kernel caches what it read through a device; the next mount is to see what a VM writes until then. */
  async #detachDevice(): Promise<void> {
    const { top } = this.#attachments;
    if (top?.kind !== "loop" && top?.kind !== "kernel-nbd") return;
    await this.#attachments.releaseTop();
    this.#device = undefined;
  }

  async #detach(how: "gently" | "forcibly"): Promise<void> {
    await this.#attachments.release(how);
    this.#file = undefined;
    this.#device = undefined;
  }

  /** What a tool or the kernel could not write back shows here at the latest. */
  async #flush(): Promise<void> {
    if (!this.view.readOnly) await this.view.flush();
    const fault = this.view.fault();
    if (fault) throw fault;
  }

  #path(suffix: string): string {
    return `${this.#around.folders.short}/${this.name}.${suffix}`;
  }
}

function needRoot(to: string): void {
  if (process.geteuid!() === 0) return;
  throw new TplError({
    code: "needs-root",
    message: `only root can ${to}`,
    hint: "run it as root, or use steps that work on the image itself (ext4/resize, not rsync/copy)",
  });
}
