/** Connects an export to the first of the kernel's NBD devices that turns out to be free, where there are any. */
import type { Acquisition } from "../../engine/run/journal.ts";
import { connectKernelNbd, kernelNbdDevices } from "../attach/kernel-nbd.ts";
import { kernelNbdWay } from "../attach/ways.ts";
import type { JournalFile } from "./journal-file.ts";

type KernelNbd = Extract<Acquisition, { kind: "kernel-nbd" }>;

export interface KernelNbdRequest {
  socketPath: string;
  exportName: string;
  readOnly: boolean;
  log(line: string): void;
}

/** Undefined: this machine has none, none is free, or it failed; then a loop device has to do. */
export async function attachKernelNbd(
  journal: JournalFile,
  node: string,
  request: KernelNbdRequest,
): Promise<{ id: number; acquisition: KernelNbd } | undefined> {
  if (!kernelNbdWay().ok) return undefined;
  const { socketPath, exportName, readOnly } = request;
  for (const device of kernelNbdDevices()) {
    const acquisition: KernelNbd = { kind: "kernel-nbd", device, socketPath };
    const id = journal.take(node, acquisition);
    try {
      if (await connectKernelNbd({ device, socketPath, exportName, readOnly })) return { id, acquisition };
    } catch (error) {
      request.log(`${error instanceof Error ? error.message : error}; a loop device is used instead`);
      journal.released(id);
      return undefined;
    }
    journal.released(id);
  }
  return undefined;
}
