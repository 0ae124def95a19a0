/**
 * Whether this machine runs guests on KVM: found out by running one. `/dev/kvm` alone says little: it may lack
 * rights, or belong to a nested hypervisor on which QEMU aborts.
 */
import { access } from "node:fs/promises";
import { ToolError } from "../engine/errors.ts";
import type { VmHost } from "./host.ts";
import { PROBE_ANSWER } from "./init-script.ts";
import { prepareBootFiles } from "./machine.ts";
import type { MachineConfig } from "./qemu.ts";

export interface Accelerator {
  name: MachineConfig["accelerator"];
  cpuModel: string;
  /** Why it is not KVM. */
  why?: string;
}

type ProbeHost = Pick<VmHost, "tool" | "scratch" | "log">;

const PROBE_DEADLINE_MS = 15_000;
const TCG = { name: "tcg", cpuModel: "max" } as const;

let answer: Promise<Accelerator> | undefined;

/** Asked once in a process. */
export function findAccelerator(host: ProbeHost): Promise<Accelerator> {
  answer ??= probe(host).catch((error: unknown) => {
    answer = undefined;
    throw error;
  });
  return answer;
}

async function probe(host: ProbeHost): Promise<Accelerator> {
  const why = (await deviceFault()) ?? (await guestFault(host));
  if (why === undefined) return { name: "kvm", cpuModel: "host" };
  host.log(`the VM is emulated, which is slow: ${why}`);
  return { ...TCG, why };
}

async function deviceFault(): Promise<string | undefined> {
  try {
    await access("/dev/kvm");
    return undefined;
  } catch (error) {
    return `/dev/kvm cannot be used (${(error as NodeJS.ErrnoException).code})`;
  }
}

async function guestFault(host: ProbeHost): Promise<string | undefined> {
  const { kernelPath, initramfsPath } = await prepareBootFiles(await host.scratch());
  const args = [
    ...["-no-user-config", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"],
    ...["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256M"],
    ...["-kernel", kernelPath, "-initrd", initramfsPath],
    ...["-append", "console=ttyS0 panic=-1 quiet tplgraph.probe"],
  ];
  try {
    const { stdout } = await host.tool("qemu-system-x86_64", args, { timeoutMs: PROBE_DEADLINE_MS });
    return stdout.includes(PROBE_ANSWER) ? undefined : "a guest on KVM did not come up";
  } catch (error) {
    if (error instanceof ToolError && error.code !== "tool-missing")
      return `a guest on KVM failed (${error.message})`;
    throw error;
  }
}
