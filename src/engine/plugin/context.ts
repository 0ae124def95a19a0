/**
 * What a step is given. Everything that touches the world goes through here, so that it is logged, cancelled
 * and released without the step's doing.
 */
import type { Digest, FileArtifact, ImageArtifact, Json, SnapshotArtifact } from "../artifact.ts";
import type { Acquisition } from "../run/journal.ts";
import type { Disk, OpenDiskOptions } from "./disk.ts";

export interface StepContext<Inputs = Record<string, unknown>> {
  /** The node's id in the graph. */
  id: string;
  inputs: Inputs;
  /** What `resolve` returned when planning. */
  resolved: Record<string, Json>;
  /** Aborted when the build is cancelled, a sibling fails, or the node's own timeout passes. Not aborted for cleanup. */
  signal: AbortSignal;
  /** A line of the node's log. Control characters are stripped; long lines are cut by the views, not here. */
  log(line: string): void;
  progress(done: number, total: number, unit: "bytes" | "files" | "steps"): void;
  /** Runs a tool, its output going to the log line by line. */
  tool(name: string, args: readonly string[], options?: ToolOptions): Promise<ToolResult>;
  /** A private empty folder on this machine, removed when the node ends. Mode 0700. */
  scratch(): Promise<string>;
  /**
   * Takes something that must be released: writes it to the journal, registers its release, then calls
   * `take`. When the node ends (or, for a resource, after its last consumer) it is released, last in first out.
   */
  acquire<T>(acquisition: Acquisition, take: () => Promise<T>): Promise<T>;
  /** A hook of this process alone, run last in first out with the others; its own deadline, default 30 s. */
  onCleanup(
    name: string,
    hook: (signal: AbortSignal) => Promise<void>,
    options?: { deadlineMs?: number },
  ): void;
  /** A copy-on-write view of an image, or of nothing, served over NBD until the node ends. */
  openDisk(options: OpenDiskOptions): Promise<Disk>;
  /** Stores a file of the host (from the scratch folder) as a blob. */
  putFile(path: string): Promise<FileArtifact>;
  /** Stores a raw image file of the host as an image; holes and zeros cost nothing. */
  putImage(path: string): Promise<ImageArtifact>;
  /** Stores a machine's manifest; `parts` are what it names, so that nothing deletes them before it. */
  putSnapshot(manifest: Json, bytes: number, parts: readonly Digest[]): Promise<SnapshotArtifact>;
  /** A stored blob's content, verified. For small ones: manifests, scripts. */
  readBlob(digest: Digest): Promise<Buffer>;
  /**
   * Whether an earlier step of this store found that of the artifact, and the tool is still the same. It stands in no
   * key: it may spare work, and must not change what comes of it.
   */
  hasFound(finding: Finding): Promise<boolean>;
  /** Remembers it, where the store can be written. */
  noteFound(finding: Finding): Promise<void>;
  /** A host file that `resolve` took the digest of, by the same path; fails when it changed since. */
  hostFile(path: string): Promise<Buffer>;
  /**
   * Fails when a host file that `resolve` took the digest of has changed since. For one that is read by other means
   * than `hostFile`: called after the reading, it says that what was read is what stands in the key.
   */
  requireUnchanged(path: string): Promise<void>;
  /** A path as written in the template, made absolute against the template's folder. */
  hostPath(path: string): string;
}

/** Something that holds for an artifact for good, since it never changes. */
export interface Finding {
  /** What was found: `clean-ext4`. */
  what: string;
  artifact: Digest;
  /** What found it, and its arguments that print its version: what another version would find is not known. */
  tool: readonly [name: string, ...versionArguments: string[]];
}

export interface ToolOptions {
  /** Exit statuses that are results, not failures. Default `[0]`. */
  accept?: readonly number[] | ((exitCode: number) => boolean);
  cwd?: string;
  /** Added to the environment of the build, which is otherwise passed on with `LC_ALL=C.UTF-8`. */
  env?: Record<string, string>;
  input?: string | Uint8Array;
  timeoutMs?: number;
  /** Keeps stdout out of the log (it is data). */
  quiet?: boolean;
  /** Sees every line of output, as it comes. */
  onLine?(line: string, stream: "stdout" | "stderr"): void;
}

export interface ToolResult {
  exitCode: number;
  /** At most 16 MiB each; the log has it all. */
  stdout: string;
  stderr: string;
}

/** How `resolve` and `check` see the world: reads that are remembered, so that planning again is free. */
export interface PlanContext {
  hostPath(path: string): string;
  /** sha256 and size of a host file; remembered by (device, inode, size, mtime, ctime). A missing file is a TplError `file-not-found`. */
  fileDigest(path: string): Promise<{ digest: Digest; bytes: number }>;
  /** The first `bytes` bytes of a stored image, few: remembered, so that planning again reads none. Throws ArtifactDamaged. */
  imageHead(image: ImageArtifact, bytes: number): Promise<Buffer>;
  /** The first `bytes` bytes of a host file, fewer where it is shorter: for a look at a superblock. */
  readHead(path: string, bytes: number): Promise<Buffer>;
  /**
   * What a mutable name stands for now: `lookUp`'s answer, remembered under `name` in the store for
   * `maxAgeMs` (default one day) unless `--refresh`; longer when `lookUp` fails. The only place where planning may start a process.
   */
  remember<T extends Json>(
    name: string,
    lookUp: () => Promise<T>,
    options?: {
      maxAgeMs?: number;
      /** What a lock calls it: the same on every machine. Default: `name`. */
      lockAs?: string;
    },
  ): Promise<T>;
}
