/** Connects an export to the first of the kernel's NBD devices that turns out to be free, where there are any. */
import type { Acquisition } from "../../engine/run/journal.ts";
import { type KernelNbdTarget, kernelNbdDevices, startKernelNbdClient } from "../attach/kernel-nbd.ts";
import { kernelNbdWay } from "../attach/ways.ts";
import type { JournalFile } from "./journal-file.ts";

export interface KernelNbdRequest extends Omit<KernelNbdTarget, "device"> {
  log(line: string): void;
}

export interface AttachedKernelNbd {
  /** Its journal entry. */
  id: number;
  acquisition: Extract<Acquisition, { kind: "kernel-nbd" }>;
}

/** Undefined: this machine has none, none is free, or it failed; then a loop device has to do. */
export async function attachKernelNbd(
  journal: JournalFile,
  node: string,
  { log, ...target }: KernelNbdRequest,
): Promise<AttachedKernelNbd | undefined> {
  if (!kernelNbdWay().ok) return undefined;
  try {
    for (const device of kernelNbdDevices()) {
      const attached = await attachTo({ ...target, device }, journal, node);
      if (attached) return attached;
    }
  } catch (error) {
    log(`${error instanceof Error ? error.message : error}; a loop device is used instead`);
  }
  return undefined;
}

/** Undefined: the device is somebody else's. */
async function attachTo(
  target: KernelNbdTarget,
  journal: JournalFile,
  node: string,
): Promise<AttachedKernelNbd | undefined> {
  const client = startKernelNbdClient(target);
  let attached: AttachedKernelNbd | undefined;
  let connected = false;
  try {
    // In the same turn as the start: the client connects only once this process has answered it.
    if (client.pid !== undefined) attached = take(journal, node, target.device, client.pid);
    connected = await client.connected();
  } finally {
    client.kill();
    if (attached && !connected) journal.released(attached.id);
  }
  return connected ? attached : undefined;
}

function take(journal: JournalFile, node: string, device: string, clientPid: number): AttachedKernelNbd {
  const acquisition = { kind: "kernel-nbd" as const, device, clientPid };
  return { id: journal.take(node, acquisition), acquisition };
}
