/**
 * One open disk in the disk host: a copy-on-write view, its NBD export, and what is attached over it, in the
 * order view → nbdfuse → loop → mount. Everything is in the journal before it is taken, and leaves in reverse.
 */
import { mkdirSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import type { ImageArtifact } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";
import type { MountOptions, OpenDiskOptions } from "../../engine/plugin/disk.ts";
import type { Acquisition } from "../../engine/run/journal.ts";
import { attachLoop } from "../attach/loop.ts";
import { mountDevice, unmountFlushed } from "../attach/mount.ts";
import { attachNbdfuse } from "../attach/nbdfuse.ts";
import { becomes } from "../attach/waiting.ts";
import { emptyMap } from "../map.ts";
import type { NbdServer } from "../nbd/server.ts";
import { endHolders, holderNames } from "../process/run-processes.ts";
import { releaseAcquisition } from "../release.ts";
import { loadMap } from "../stored-map.ts";
import { type CowView, openView } from "../view.ts";
import { attachKernelNbd } from "./attach-kernel-nbd.ts";
import type { JournalFile } from "./journal-file.ts";
import type { RunFolders } from "./run-folders.ts";

/** How long a mount may stay busy by itself: something outside the run, a prober of devices, looks at it. */
const BUSY_MS = 500;
const CLOSE_DEADLINE_MS = 20_000;

export interface DiskSurroundings {
  blobs: BlobStore;
  journal: JournalFile;
  server: NbdServer;
  folders: RunFolders;
  socketPath: string;
  /** Aborted when the run is gone: what is being attached is no longer wanted. */
  ending: AbortSignal;
  log(line: string): void;
}

interface Attached {
  id: number;
  acquisition: Acquisition;
}

export async function openServedDisk(
  name: string,
  node: string,
  options: OpenDiskOptions,
  around: DiskSurroundings,
): Promise<ServedDisk> {
  const sizeBytes = sizeOf(options);
  const map = options.image ? await loadMap(around.blobs, options.image) : emptyMap(sizeBytes);
  const overlayPath = `${around.folders.scratch}/${name}.overlay`;
  const readOnly = options.readOnly ?? false;
  const overlay = around.journal.take(node, { kind: "file", path: overlayPath });
  const view = await openView({ blobs: around.blobs, map, sizeBytes, overlayPath, readOnly });
  around.server.addExport(name, view);
  return new ServedDisk({ name, node, view, overlay, around });
}

function sizeOf({ image, sizeBytes = image?.bytes }: OpenDiskOptions): number {
  if (sizeBytes !== undefined && sizeBytes > 0 && sizeBytes % 512 === 0) return sizeBytes;
  throw new TplError({
    code: "bad-disk-size",
    message: `a disk cannot have ${sizeBytes ?? "no"} bytes`,
    hint: "give a positive multiple of 512",
  });
}

export class ServedDisk {
  readonly name: string;
  readonly view: CowView;
  readonly #node: string;
  readonly #around: DiskSurroundings;
  /** Its journal entry. */
  readonly #overlay: number;
  /** In the order of taking. */
  readonly #attached: Attached[] = [];
  #file: Promise<string> | undefined;
  #device: Promise<string> | undefined;
  #isClosed = false;

  constructor(parts: {
    name: string;
    node: string;
    view: CowView;
    overlay: number;
    around: DiskSurroundings;
  }) {
    this.name = parts.name;
    this.view = parts.view;
    this.#node = parts.node;
    this.#overlay = parts.overlay;
    this.#around = parts.around;
  }

  file(): Promise<string> {
    this.#file ??= this.#attachFile().catch((error) => {
      this.#file = undefined;
      throw error;
    });
    return this.#file;
  }

  device(): Promise<string> {
    this.#device ??= this.#attachDevice().catch((error) => {
      this.#device = undefined;
      throw error;
    });
    return this.#device;
  }

  async mount(options: MountOptions): Promise<string> {
    needRoot("mount a file system");
    if (this.#mounted()) throw new Error(`bug: disk ${this.name} of ${this.#node} is mounted already`);
    const device = await this.device();
    const path = this.#path("mnt");
    const readOnly = options.readOnly ?? this.view.readOnly;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    await this.#take({ kind: "mount", path }, () =>
      mountDevice({
        device,
        path,
        type: options.type ?? "ext4",
        readOnly,
        options: options.options ?? (readOnly ? [] : ["discard"]),
        signal: this.#around.ending,
      }),
    );
    return path;
  }

  /** With whatever was written flushed down to the overlay. Throws TplError `mount-busy`. */
  async unmount(): Promise<void> {
    const mounted = this.#mounted();
    if (!mounted) return;
    await this.#unmountWhenFree(mounted.path).catch((error) => {
      // The kernel and its tools know of an I/O error; the view knows what it came from.
      throw this.view.fault() ?? error;
    });
    this.#forget(mounted);
    await this.#flush();
  }

  /** Detaches, flushes and stores what the disk holds. The disk is closed by it; after an error it is not. */
  async seal(options: { sizeBytes?: number }): Promise<ImageArtifact> {
    await this.unmount();
    await this.#detach("gently");
    await this.#around.server.removeExport(this.name);
    await this.#flush();
    const image = await this.view.seal(options);
    await this.close();
    return image;
  }

  /** Detaches everything, ending processes of the run that are in the way, and drops the overlay. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#detach("forcibly");
    await this.#around.server.removeExport(this.name);
    await this.view.close();
    this.#around.journal.released(this.#overlay);
    this.#isClosed = true;
  }

  async #attachFile(): Promise<string> {
    const path = this.#path("img");
    // An empty file to mount over; not touched again, since from then on it is a file system served from here.
    writeFileSync(path, "", { flag: "wx", mode: 0o600 });
    const uri = `nbd+unix:///${this.name}?socket=${encodeURI(this.#around.socketPath)}`;
    await this.#take({ kind: "nbdfuse", path }, () =>
      attachNbdfuse({ uri, path, readOnly: this.view.readOnly, signal: this.#around.ending }),
    );
    return path;
  }

  async #attachDevice(): Promise<string> {
    needRoot("attach a block device");
    const { journal, socketPath, log } = this.#around;
    const { readOnly } = this.view;
    const kernel = await attachKernelNbd(journal, this.#node, {
      socketPath,
      exportName: this.name,
      readOnly,
      log,
    });
    if (kernel) {
      this.#attached.push(kernel);
      return kernel.acquisition.device;
    }
    const backingFile = await this.file();
    return await this.#take({ kind: "loop", backingFile }, () =>
      attachLoop(backingFile, { readOnly, signal: this.#around.ending }),
    );
  }

  /** Stays noted when `attach` failed: it may have got half-way. */
  async #take<T>(acquisition: Acquisition, attach: () => Promise<T>): Promise<T> {
    this.#around.ending.throwIfAborted();
    const id = this.#around.journal.take(this.#node, acquisition);
    this.#attached.push({ id, acquisition });
    return await attach();
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

  /** Last in, first out; stops at what cannot be detached, since what lies under it is still in use. */
  async #detach(how: "gently" | "forcibly"): Promise<void> {
    const signal = AbortSignal.timeout(CLOSE_DEADLINE_MS);
    const { journal } = this.#around;
    for (let top = this.#attached.at(-1); top; top = this.#attached.at(-1)) {
      const { acquisition } = top;
      try {
        await releaseAcquisition(acquisition, signal);
      } catch (error) {
        if (how === "gently" || !("path" in acquisition)) throw error;
        await endHolders(journal.header.run, acquisition.path);
        await releaseAcquisition(acquisition, signal);
      }
      journal.released(top.id);
      this.#attached.pop();
      this.#removeLeft(acquisition);
    }
    this.#file = undefined;
    this.#device = undefined;
  }

  /** What we made for it to be attached to. */
  #removeLeft(acquisition: Acquisition): void {
    if (acquisition.kind === "mount") removeIfThere(() => rmdirSync(acquisition.path));
    if (acquisition.kind !== "nbdfuse") return;
    removeIfThere(() => unlinkSync(acquisition.path));
    removeIfThere(() => unlinkSync(`${acquisition.path}.pid`));
  }

  #mounted(): { id: number; path: string } | undefined {
    const top = this.#attached.at(-1);
    return top?.acquisition.kind === "mount" ? { id: top.id, path: top.acquisition.path } : undefined;
  }

  #forget(mounted: { id: number; path: string }): void {
    this.#around.journal.released(mounted.id);
    this.#attached.pop();
    rmdirSync(mounted.path);
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

function removeIfThere(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
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
