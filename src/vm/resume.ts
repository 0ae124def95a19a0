/**
 * Starts the machine of a snapshot: from memory, where it goes on as if nothing had been, or cold, by booting its
 * disk. Each start has its own copy of the memory and a private view of the disk: the snapshot never changes.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageArtifact } from "../engine/artifact.ts";
import { TplError } from "../engine/errors.ts";
import { findAccelerator } from "./accelerator.ts";
import { AGENT_PORT, type Agent, connectAgent } from "./agent.ts";
import type { VmHost } from "./host.ts";
import { type BootFiles, type Machine, nbdSource, type StartOptions, startVm } from "./machine.ts";
import { loadDeviceState } from "./migration.ts";
import type { SnapshotManifest } from "./snapshot.ts";

export interface ResumeOptions {
  /** Boots the disk instead of going on from memory. */
  cold?: boolean;
  onConsole?(line: string): void;
}

export interface ResumedVm extends Agent {
  /** At most the console's last 30 lines. */
  consoleTail: Machine["consoleTail"];
  /** Settles when the machine has ended, by itself or not. Never rejects. */
  exited: Machine["exited"];
  /** Ends it at once. The host's cleanup does the same. */
  stop(): Promise<void>;
}

/** The machine runs when this resolves. Throws TplError `no-such-accelerator`, `migration-failed`, `vm-not-started`. */
export async function resumeVm(
  host: VmHost,
  manifest: SnapshotManifest,
  options: ResumeOptions = {},
): Promise<ResumedVm> {
  const folder = await host.scratch();
  const boot = await bootFiles(host, manifest, folder);
  const disk = await host.openDisk({ image: manifest.disk });
  const start: StartOptions = {
    config: manifest.machine,
    boot,
    kernelArguments: manifest.kernelArguments,
    diskSources: [nbdSource(disk)],
    ...(options.onConsole ? { onConsole: options.onConsole } : {}),
  };
  const machine = options.cold ? await bootCold(host, start) : await goOn(host, manifest, start, folder);
  const agent = connectAgent(machine.ports.get(AGENT_PORT)!);
  const { consoleTail, exited, stop } = machine;
  return { exec: agent.exec, consoleTail, exited, stop };
}

/** A cold boot asks nothing of the machine that made the snapshot. */
async function bootCold(host: VmHost, start: StartOptions): Promise<Machine> {
  const { name, cpuModel } = await findAccelerator(host);
  return startVm(host, { ...start, config: { ...start.config, accelerator: name, cpuModel } });
}

async function goOn(
  host: VmHost,
  manifest: SnapshotManifest,
  start: StartOptions,
  folder: string,
): Promise<Machine> {
  await requireAccelerator(host, manifest);
  const memoryPath = join(folder, "memory");
  await copyImage(host, manifest.memory, memoryPath);
  const statePath = join(folder, "state");
  await writeFile(statePath, await host.readBlob(manifest.deviceState.digest));
  const machine = await startVm(host, { ...start, memoryPath, incoming: "deferred" });
  await loadDeviceState(machine.qmp, folder, statePath, host.signal);
  await machine.qmp.execute("cont");
  return machine;
}

async function requireAccelerator(host: VmHost, { machine }: SnapshotManifest): Promise<void> {
  if (machine.accelerator === "tcg") return;
  const { name, why } = await findAccelerator(host);
  if (name === machine.accelerator) return;
  throw new TplError({
    code: "no-such-accelerator",
    message: `the snapshot was made on ${machine.accelerator}, which this machine does not have: ${why}`,
    hint: "start it with --cold, or build it again on this machine",
  });
}

async function bootFiles(host: VmHost, manifest: SnapshotManifest, folder: string): Promise<BootFiles> {
  const files = { kernelPath: join(folder, "kernel"), initramfsPath: join(folder, "initramfs") };
  await writeFile(files.kernelPath, await host.readBlob(manifest.kernel.digest));
  await writeFile(files.initramfsPath, await host.readBlob(manifest.initramfs.digest));
  return files;
}

/** Zeros stay holes: nbdcopy asks the server where they are. */
async function copyImage(host: VmHost, image: ImageArtifact, path: string): Promise<void> {
  const view = await host.openDisk({ image, readOnly: true });
  await host.tool("nbdcopy", ["--destination-is-zero", view.uri, path]);
}
