/**
 * The two steps that run a VM, by hand: the same machine, kernel, initramfs and scripts as the steps have, on a
 * plain raw file, with nothing checked or stored afterwards but a copy of the disk.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { StepContext } from "../../src/engine/plugin/context.ts";
import { INIT, OUTPUT_PORT, STATUS_PORT } from "../../src/plugins/provision/boot-scripts.ts";
import { guestAptFiles } from "../../src/plugins/provision/guest-apt.ts";
import { provisioningDisk } from "../../src/plugins/provision/provisioning-disk.ts";
import { SYSTEM_RUNNING, waitUntilReady } from "../../src/plugins/snapshot/ready.ts";
import { findAccelerator } from "../../src/vm/accelerator.ts";
import { AGENT_PORT, connectAgent } from "../../src/vm/agent.ts";
import { readLines } from "../../src/vm/lines.ts";
import { prepareBootFiles, startVm } from "../../src/vm/machine.ts";
import { saveDeviceState } from "../../src/vm/migration.ts";
import type { MachineConfig } from "../../src/vm/qemu.ts";
import { qemuVersion } from "../../src/vm/qemu-version.ts";

const run = promisify(execFile);
const NONCE = "by-hand";
const READY_MS = 300_000;

/** Works on `disk`, a raw file; `folder` is for what else is made. Returns seconds by step of python.yaml. */
export async function vmStepsByHand(
  step: StepContext,
  { disk, folder, script }: { disk: string; folder: string; script: string },
): Promise<Map<string, number>> {
  const { name: accelerator, cpuModel } = await findAccelerator(step);
  const { machineType } = await qemuVersion(step);
  const machine = { machineType, accelerator, cpuModel, cpus: 2, network: "user" } as const;
  const provisioned = await timed(() => provision(step, machine, { disk, folder, script }));
  const snapshot = await timed(() => takeSnapshot(step, machine, { disk, folder }));
  return new Map([
    ["provisioned", provisioned],
    ["machine", snapshot],
  ]);
}

type Machine = Omit<MachineConfig, "memoryMiB" | "disks" | "ports">;

async function provision(
  step: StepContext,
  machine: Machine,
  { disk, folder, script }: { disk: string; folder: string; script: string },
): Promise<void> {
  const guest = join(folder, "provision");
  await mkdir(guest);
  const tar = await provisioningDisk(step, guest, {
    script: await readFile(script),
    env: { TPLGRAPH_PACKAGES: "python3" },
    nonce: NONCE,
    files: await guestAptFiles(step),
  });
  const disks = [
    { id: "root", readOnly: false },
    { id: "host", readOnly: true },
  ];
  const vm = await startVm(step, {
    config: { ...machine, memoryMiB: 1024, disks, ports: [STATUS_PORT, OUTPUT_PORT] },
    boot: await prepareBootFiles(guest),
    kernelArguments: [`init=${INIT}`, "tplgraph.network=user"],
    diskSources: [
      { kind: "file", path: disk },
      { kind: "file", path: tar },
    ],
  });
  const said = new Set<string>();
  readLines(vm.ports.get(STATUS_PORT)!, (line) => said.add(line));
  readLines(vm.ports.get(OUTPUT_PORT)!, (line) => step.log(line));
  await vm.exited;
  if (!said.has(`${NONCE} exit 0`) || !said.has(`${NONCE} clean`))
    throw new Error("provisioning by hand failed");
}

async function takeSnapshot(
  step: StepContext,
  machine: Machine,
  { disk, folder }: { disk: string; folder: string },
): Promise<void> {
  const kept = join(folder, "snapshot");
  await mkdir(kept);
  const memoryPath = join(kept, "memory");
  await writeFile(memoryPath, "");
  const vm = await startVm(step, {
    config: { ...machine, memoryMiB: 512, disks: [{ id: "root", readOnly: false }], ports: [AGENT_PORT] },
    boot: await prepareBootFiles(kept),
    kernelArguments: ["init=/sbin/init", "tplgraph.network=user", "init_on_free=1", "systemd.show_status=no"],
    diskSources: [{ kind: "file", path: disk }],
    memoryPath,
  });
  const agent = connectAgent(vm.ports.get(AGENT_PORT)!);
  await agent.exec("true", { timeoutMs: READY_MS });
  const command = `python3 -c "print('ready')"`;
  for (const ready of [SYSTEM_RUNNING, { command }])
    await waitUntilReady(agent, { ready, deadlineMs: READY_MS, signal: step.signal });
  await agent.exec("sync; fstrim / || true; echo 3 > /proc/sys/vm/drop_caches");
  await vm.qmp.execute("stop");
  await saveDeviceState(vm.qmp, kept, join(kept, "state"), step.signal);
  await vm.stop();
  await run("cp", ["--sparse=always", disk, join(kept, "disk")]);
}

async function timed(act: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await act();
  return (performance.now() - began) / 1000;
}
