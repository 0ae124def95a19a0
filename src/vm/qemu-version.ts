/** Which QEMU this machine has, and the versioned machine type that goes with it. */
import { TplError } from "../engine/errors.ts";
import type { VmHost } from "./host.ts";

export interface QemuVersion {
  /** `7.2.22`. */
  version: string;
  /** `pc-q35-7.2`: the alias `q35` would mean another machine in another QEMU. */
  machineType: string;
}

export async function qemuVersion(host: Pick<VmHost, "tool">): Promise<QemuVersion> {
  const { stdout } = await host.tool("qemu-system-x86_64", ["--version"], { quiet: true });
  return parseQemuVersion(stdout);
}

/** From `QEMU emulator version 7.2.22 (Debian …)`. */
export function parseQemuVersion(text: string): QemuVersion {
  const [, version, major, minor] = /version ((\d+)\.(\d+)(?:\.\d+)*)/.exec(text) ?? [];
  if (version === undefined)
    throw new TplError({
      code: "qemu-unknown",
      message: `QEMU does not say its version: ${text.slice(0, 200)}`,
    });
  return { version, machineType: `pc-q35-${major}.${minor}` };
}
