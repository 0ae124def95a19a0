/** A disk of `file-services.ts`: a raw file of its own, a loop device over it when asked, a mount of that. */
import { createHash } from "node:crypto";
import { mkdir, open, rmdir } from "node:fs/promises";
import { execa } from "execa";
import type { Digest, ImageArtifact } from "../engine/artifact.ts";
import type { ContentRange, Disk, MountOptions } from "../engine/plugin/disk.ts";

export class FileDisk implements Disk {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #access: "read-only" | "read-write";
  readonly #store: (path: string) => Promise<ImageArtifact>;
  #device: string | undefined;
  #mountPoint: string | undefined;

  /** `store` takes the raw file over and makes an image of it. */
  constructor(
    path: string,
    sizeBytes: number,
    access: "read-only" | "read-write",
    store: (path: string) => Promise<ImageArtifact>,
  ) {
    this.#path = path;
    this.sizeBytes = sizeBytes;
    this.#access = access;
    this.#store = store;
  }

  get uri(): string {
    throw new Error("a disk of a step's test is not served over NBD: use file(), device() or mount()");
  }

  get socketPath(): string {
    return this.uri;
  }

  get exportName(): string {
    return this.#path;
  }

  async read(offset: number, bytes: number): Promise<Buffer> {
    await using file = await open(this.#path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  }

  async digest(ranges: readonly ContentRange[]): Promise<Digest> {
    const hash = createHash("sha256");
    for (const { offset, bytes } of ranges)
      hash.update(offset === undefined ? Buffer.alloc(bytes) : await this.read(offset, bytes));
    return `sha256:${hash.digest("hex")}`;
  }

  async file(): Promise<string> {
    return this.#path;
  }

  async device(): Promise<string> {
    if (this.#device) return this.#device;
    const readOnly = this.#access === "read-only" ? ["--read-only"] : [];
    const { stdout } = await execa("losetup", ["--find", "--show", ...readOnly, this.#path]);
    this.#device = stdout.trim();
    return this.#device;
  }

  async mount(options: MountOptions = {}): Promise<string> {
    if (this.#mountPoint) return this.#mountPoint;
    const device = await this.device();
    const path = `${this.#path}.mnt`;
    await mkdir(path, { recursive: true });
    const access = options.readOnly ? "ro" : "rw";
    const flags = [access, ...(options.options ?? (options.readOnly ? [] : ["discard"]))];
    await execa("mount", ["-t", options.type ?? "ext4", "-o", flags.join(","), device, path]);
    this.#mountPoint = path;
    return path;
  }

  async unmount(): Promise<void> {
    if (!this.#mountPoint) return;
    await execa("umount", [this.#mountPoint]);
    await rmdir(this.#mountPoint);
    this.#mountPoint = undefined;
  }

  async seal(options: { sizeBytes?: number } = {}): Promise<ImageArtifact> {
    await this.release();
    await execa("truncate", ["-s", String(options.sizeBytes ?? this.sizeBytes), this.#path]);
    return this.#store(this.#path);
  }

  async stats() {
    return { readBytes: 0, writtenBytes: 0, dirtyBytes: 0 };
  }

  /** Unmounts and detaches; the file stays. */
  async release(): Promise<void> {
    await this.unmount();
    if (!this.#device) return;
    await execa("losetup", ["--detach", this.#device]);
    this.#device = undefined;
  }
}
