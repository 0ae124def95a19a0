/**
 * A step with nothing behind it: tools are written down instead of run, disks are paths. For the test that holds
 * a step to its exact command lines.
 */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { ToolOptions, ToolResult } from "../engine/plugin/context.ts";
import type { Disk, OpenDiskOptions } from "../engine/plugin/disk.ts";
import type { ToolHost } from "../engine/run/tool.ts";

export interface RecordedCommand {
  /** The tool and its arguments. */
  command: string[];
  env: Record<string, string>;
}

/**
 * What a recorded tool is to have printed and returned; absent: nothing, and 0. A disk that is read asks as
 * `read disk-1 OFFSET BYTES`, which is no command, and has hex digits for an answer.
 */
export type Answer = (command: readonly string[]) => Partial<ToolResult> | undefined;

export interface Recorder {
  commands: RecordedCommand[];
  /** What was done with disks, in order: `open 1048576`, `mount disk-1`, `seal disk-1 524288`. */
  disks: string[];
  /** What steps noted: it is not asked which version of a tool this machine has. */
  found: Set<string>;
  tool(host: ToolHost, name: string, args: readonly string[], options?: ToolOptions): Promise<ToolResult>;
  openDisk(options: OpenDiskOptions): Disk;
}

export function recorder(answer: Answer = () => undefined): Recorder {
  const commands: RecordedCommand[] = [];
  const disks: string[] = [];
  let count = 0;
  return {
    commands,
    disks,
    found: new Set(),
    async tool(_host, name, args, options = {}) {
      const command = [name, ...args];
      commands.push({ command, env: options.env ?? {} });
      const result = { exitCode: 0, stdout: "", stderr: "", ...answer(command) };
      for (const stream of ["stdout", "stderr"] as const)
        for (const line of result[stream].split("\n")) if (line !== "") options.onLine?.(line, stream);
      return result;
    },
    openDisk(options) {
      const name = `disk-${++count}`;
      const sizeBytes = options.sizeBytes ?? options.image?.bytes ?? 0;
      const backing = options.backing === "file" ? " in a file" : "";
      disks.push(`open ${name} ${sizeBytes}${options.readOnly ? " read-only" : ""}${backing}`);
      return recordedDisk(name, sizeBytes, { disks, answer });
    },
  };
}

function recordedDisk(
  name: string,
  sizeBytes: number,
  { disks, answer }: { disks: string[]; answer: Answer },
): Disk {
  return {
    sizeBytes,
    uri: `nbd+unix:///${name}?socket=/run/nbd`,
    socketPath: "/run/nbd",
    exportName: name,
    async read(offset, bytes) {
      return Buffer.from(answer(["read", name, `${offset}`, `${bytes}`])?.stdout ?? "", "hex");
    },
    digest: async () => recordedDigest(0),
    file: async () => `/${name}.raw`,
    device: async () => `/dev/${name}`,
    async mount(options = {}) {
      const more = options.options ? ` ${options.options.join(",")}` : "";
      disks.push(`mount ${name} ${options.readOnly ? "ro" : "rw"}${more}`);
      return `/${name}`;
    },
    async unmount() {
      disks.push(`unmount ${name}`);
    },
    async seal(options = {}): Promise<ImageArtifact> {
      const bytes = options.sizeBytes ?? sizeBytes;
      disks.push(`seal ${name} ${bytes}`);
      return { type: "image", digest: recordedDigest(disks.length), bytes };
    },
    stats: async () => ({ readBytes: 0, writtenBytes: 0, dirtyBytes: 0 }),
  };
}

/** A digest of no content: for images that only a test knows. */
export function recordedDigest(number: number): ImageArtifact["digest"] {
  return `sha256:${number.toString(16).padStart(64, "0")}`;
}
