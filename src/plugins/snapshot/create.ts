/**
 * Boots an image with systemd, waits until it is ready, pauses it, and stores the whole machine: memory, device
 * state, disk, and what it booted from. `vm/resume.ts` starts it again.
 */
import { join } from "node:path";
import * as z from "zod";
import { ToolError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { image, snapshot, unkeyed } from "../../engine/plugin/port.ts";
import { defineStep, type ValuesOf } from "../../engine/plugin/step.ts";
import { findAccelerator } from "../../vm/accelerator.ts";
import { AGENT_PORT, type Agent, connectAgent } from "../../vm/agent.ts";
import { bootDigests, requireSameBoot } from "../../vm/boot-digests.ts";
import { LONGEST_SECONDS } from "../../vm/deadline.ts";
import { type Machine, nbdSource, prepareBootFiles, startVm } from "../../vm/machine.ts";
import { saveDeviceState } from "../../vm/migration.ts";
import type { MachineConfig } from "../../vm/qemu.ts";
import { qemuVersion } from "../../vm/qemu-version.ts";
import { MANIFEST_SCHEMA, partsOf, type SnapshotManifest } from "../../vm/snapshot.ts";
import { START_LOG, SYSTEM_RUNNING, waitUntilReady } from "./ready.ts";

const pattern = z.string().refine(isPattern, "must be a regular expression");

const inputs = {
  image: image(),
  memoryMiB: z.int().min(128).default(512),
  cpus: z.int().min(1).max(16).default(2),
  network: z.enum(["none", "user"]).default("user"),
  start: z.string().min(1).optional().describe("a command that is left running in the machine"),
  ready: z
    .union([
      z.strictObject({ command: z.string().min(1).describe("ready when it exits 0") }),
      z.strictObject({ log: pattern.describe("ready when a line of the start command's output matches") }),
    ])
    .optional()
    .describe("waited for once systemd has started everything; default: nothing more"),
  timeoutSeconds: unkeyed(z.number().positive().max(LONGEST_SECONDS).default(300)),
  name: z.string().min(1).optional().describe("stands in the manifest"),
};

export const create = defineStep({
  name: "create",
  summary: "boot an image, wait until it is ready, and keep the paused machine",
  inputs,
  outputs: { snapshot: snapshot() },
  tools: { "qemu-system-x86_64": ["--version"] },
  failures: {
    "vm-not-ready": "the machine did not become ready in time",
    "vm-died": "the machine ended while it booted",
  },
  platform: ["arch"],
  reproducible: false,
  // The kernel and the initramfs become part of the snapshot.
  resolve: async (_inputs, plan) => bootDigests(plan),
  async run(step) {
    const folder = await step.scratch();
    const disk = await step.openDisk({ image: step.inputs.image });
    const { version, config } = await machineConfig(step);
    await requireSameBoot(step);
    const boot = await prepareBootFiles(folder);
    const kernelArguments = [
      "init=/sbin/init",
      `tplgraph.network=${step.inputs.network}`,
      ...GUEST_ARGUMENTS,
    ];
    const memoryPath = join(folder, "memory");
    const machine = await startVm(step, {
      config,
      boot,
      kernelArguments,
      diskSources: [nbdSource(disk)],
      memoryPath,
    });
    await settle(step, machine);
    const statePath = join(folder, "state");
    await machine.qmp.execute("stop");
    await saveDeviceState(machine.qmp, folder, statePath, step.signal);
    await machine.stop();
    step.log("the machine is paused; storing it");

    const manifest: SnapshotManifest = {
      schema: MANIFEST_SCHEMA,
      name: step.inputs.name ?? null,
      qemuVersion: version,
      machine: config,
      kernelArguments,
      kernel: await step.putFile(boot.kernelPath),
      initramfs: await step.putFile(boot.initramfsPath),
      disk: await disk.seal(),
      memory: await step.putImage(memoryPath),
      deviceState: await step.putFile(statePath),
    };
    const bytes = manifest.memory.bytes + manifest.disk.bytes;
    return { snapshot: await step.putSnapshot(asJson(manifest), bytes, partsOf(manifest)) };
  },
});

type Step = StepContext<ValuesOf<typeof inputs>>;

/** Freed memory is zeroed, so that it takes no room in the snapshot. */
const GUEST_ARGUMENTS = ["init_on_free=1", "systemd.show_status=no"];

async function machineConfig(step: Step): Promise<{ version: string; config: MachineConfig }> {
  const { memoryMiB, cpus, network } = step.inputs;
  const accelerator = await findAccelerator(step);
  const { version, machineType } = await qemuVersion(step);
  const config: MachineConfig = {
    machineType,
    accelerator: accelerator.name,
    cpuModel: accelerator.cpuModel,
    cpus,
    memoryMiB,
    network,
    disks: [{ id: "root", readOnly: false }],
    ports: [AGENT_PORT],
  };
  return { version, config };
}

/** Returns when the machine is as it shall be kept. Throws `vm-not-ready`, or `vm-died` when the guest ends instead. */
async function settle(step: Step, machine: Machine): Promise<void> {
  const agent = connectAgent(machine.ports.get(AGENT_PORT)!);
  const died = machine.exited.then(({ error }) => {
    if (step.signal.aborted) throw step.signal.reason;
    throw error ?? diedTooSoon(machine);
  });
  await Promise.race([prepare(step, agent), died]);
}

async function prepare(step: Step, agent: Agent): Promise<void> {
  const { start, ready, timeoutSeconds } = step.inputs;
  const { signal } = step;
  const end = performance.now() + timeoutSeconds * 1000;
  await agent.exec("true", { timeoutMs: timeoutSeconds * 1000, signal });
  step.log("the guest agent answers");
  const left = () => end - performance.now();
  await waitUntilReady(agent, { ready: SYSTEM_RUNNING, deadlineMs: left(), signal });
  if (start !== undefined) await agent.exec(inBackground(start), { signal });
  if (ready !== undefined) await waitUntilReady(agent, { ready, deadlineMs: left(), signal });
  step.log("the machine is ready");
  await agent.exec(SHED, { signal });
}

/** In a session of its own, so that it outlives the agent's command. */
function inBackground(command: string): string {
  const quoted = `'${command.replaceAll("'", "'\\''")}'`;
  return `mkdir -p /var/log; /usr/lib/tplgraph/busybox setsid /bin/sh -c ${quoted} > ${START_LOG} 2>&1 < /dev/null &`;
}

/** Written back, and nothing kept that can be read again: a smaller memory, a disk without freed blocks. */
const SHED = "sync; /usr/lib/tplgraph/busybox fstrim / || true; echo 3 > /proc/sys/vm/drop_caches";

function diedTooSoon(machine: Machine): ToolError {
  return new ToolError({
    code: "vm-died",
    message: "the VM ended before it was ready",
    hint: "the end of its console is in the node's log",
    command: ["qemu-system-x86_64"],
    exitCode: null,
    signal: null,
    lastLines: machine.consoleTail(),
  });
}

/** Without what is undefined or a class. */
function asJson(manifest: SnapshotManifest) {
  return JSON.parse(JSON.stringify(manifest));
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
