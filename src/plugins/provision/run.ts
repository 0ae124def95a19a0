/**
 * Provisions an image: boots it in a VM with a busybox init, runs a script in it, and takes the script's exit
 * status over a virtio-serial port, which nothing that is printed on the console can imitate. The image comes back
 * with a clean file system, or the step fails.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { Json } from "../../engine/artifact.ts";
import { ToolError } from "../../engine/errors.ts";
import type { PlanContext, StepContext } from "../../engine/plugin/context.ts";
import { image, unkeyed } from "../../engine/plugin/port.ts";
import { defineStep, type PlanValues, type ValuesOf } from "../../engine/plugin/step.ts";
import { findAccelerator } from "../../vm/accelerator.ts";
import { bootDigests, requireSameBoot } from "../../vm/boot-digests.ts";
import { LONGEST_SECONDS, withDeadline } from "../../vm/deadline.ts";
import { readLines } from "../../vm/lines.ts";
import { type Machine, nbdSource, prepareBootFiles, startVm } from "../../vm/machine.ts";
import { qemuVersion } from "../../vm/qemu-version.ts";
import { archiveDate } from "../bootstrap/index.ts";
import { e2fsck, sealChecked } from "../ext4/index.ts";
import { INIT, OUTPUT_PORT, STATUS_PORT } from "./boot-scripts.ts";
import { guestAptFiles } from "./guest-apt.ts";
import { provisioningDisk } from "./provisioning-disk.ts";

const inputs = {
  image: image(),
  script: z.string().min(1).describe("a script on this machine, relative to the template"),
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.:-]*$/, "must be a package name"))
    .default([])
    .describe("for the script, as $TPLGRAPH_PACKAGES"),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable name"), z.string())
    .default({}),
  network: z.enum(["none", "user"]).default("user"),
  apt: z.enum(["host", "image"]).default("host").describe("whose apt sources the script uses"),
  memoryMiB: z.int().min(128).default(1024),
  cpus: z.int().min(1).max(16).default(2),
  timeoutSeconds: unkeyed(z.number().positive().max(LONGEST_SECONDS).default(600)),
};

export const run = defineStep({
  name: "run",
  summary: "boot an image with busybox init and run a provisioning script in it",
  inputs,
  outputs: { image: image() },
  tools: { "qemu-system-x86_64": ["--version"], e2fsck: ["-V"] },
  failures: {
    "provision-failed": "the script ended with another status than 0",
    "vm-timeout": "it took longer than `timeoutSeconds`",
    "vm-died": "the VM ended before the script did",
    "provision-unclean": "something held the root after the script",
    "fsck-failed": "the file system is damaged afterwards",
  },
  platform: ["arch"],
  reproducible: false,
  resolve: resolveSurroundings,
  async run(step) {
    const disk = await step.openDisk({ image: step.inputs.image });
    const outcome = await provision(step, await bootMachine(step, nbdSource(disk)));
    if (outcome.exitCode !== 0) throw scriptFailed(step.inputs.script, outcome);
    // The guest made its root read-only, so the journal is empty; this proves it, and that the guest's kernel wrote no nonsense.
    await e2fsck(step, disk, "preen");
    return { image: await sealChecked(step, disk) };
  },
});

type Step = StepContext<ValuesOf<typeof inputs>>;

/**
 * The script's content, what it runs on (it may look at its kernel, or build for it), and the archive's state where it
 * has this machine's sources: it may install packages that `packages` does not name.
 */
async function resolveSurroundings(values: PlanValues<typeof inputs>, plan: PlanContext) {
  const { script, apt, network } = values;
  const resolved: Record<string, Json> = { ...(await bootDigests(plan)) };
  if (script !== undefined) resolved.script = (await plan.fileDigest(script)).digest;
  if (apt !== "host" || network === "none") return resolved;
  const suite = await hostSuite();
  if (suite !== null) resolved.archive = await archiveDate(plan, suite);
  return resolved;
}

/** Of os-release(5); null where this machine is no Debian, and has no sources to hand on. */
async function hostSuite(): Promise<string | null> {
  const text = await readFile("/etc/os-release", "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1] ?? null;
}

interface Booted {
  machine: Machine;
  nonce: string;
}

async function bootMachine(step: Step, root: ReturnType<typeof nbdSource>): Promise<Booted> {
  const { script, packages, env, network, apt, memoryMiB, cpus } = step.inputs;
  const folder = await step.scratch();
  const nonce = randomBytes(16).toString("hex");
  const withApt = apt === "host" && network !== "none";
  const tar = await provisioningDisk(step, folder, {
    script: await step.hostFile(script),
    env: { ...env, TPLGRAPH_PACKAGES: packages.join(" ") },
    nonce,
    files: withApt ? await guestAptFiles(step) : new Map(),
  });
  await requireSameBoot(step);
  const accelerator = await findAccelerator(step);
  const { machineType } = await qemuVersion(step);
  const machine = await startVm(step, {
    config: {
      machineType,
      accelerator: accelerator.name,
      cpuModel: accelerator.cpuModel,
      cpus,
      memoryMiB,
      network,
      disks: [
        { id: "root", readOnly: false },
        { id: "host", readOnly: true },
      ],
      ports: [STATUS_PORT, OUTPUT_PORT],
    },
    boot: await prepareBootFiles(folder),
    kernelArguments: [`init=${INIT}`, `tplgraph.network=${network}`],
    diskSources: [root, { kind: "file", path: tar }],
  });
  return { machine, nonce };
}

interface Outcome {
  exitCode: number;
  lastLines: readonly string[];
}

const TAIL_LINES = 30;

/** Waits until the machine is off. Throws TplError `vm-timeout`, `vm-died`, `provision-unclean`. */
async function provision(step: Step, { machine, nonce }: Booted): Promise<Outcome> {
  const { timeoutSeconds } = step.inputs;
  const lastLines: string[] = [];
  const report: { exitCode?: number; clean?: true } = {};
  readLines(machine.ports.get(OUTPUT_PORT)!, (line) => {
    step.log(`script: ${line}`);
    if (lastLines.push(line) > TAIL_LINES) lastLines.shift();
  });
  readLines(machine.ports.get(STATUS_PORT)!, (line) => {
    const [said, what, value] = line.split(" ");
    if (said !== nonce) return;
    if (what === "exit") report.exitCode ??= Number(value);
    if (what === "clean") report.clean = true;
  });
  const { error } = await withDeadline(machine.exited, timeoutSeconds * 1000, () => {
    const at = report.exitCode === undefined ? "running the script" : "shutting down";
    return died("vm-timeout", `the VM was still ${at} after ${timeoutSeconds} s`, lastLines, machine);
  });
  if (step.signal.aborted) throw step.signal.reason;
  if (error) throw error;
  if (report.exitCode === undefined)
    throw died("vm-died", `the VM ended before the script did${panicOf(machine)}`, lastLines, machine);
  if (report.exitCode === 0 && !report.clean)
    throw died(
      "provision-unclean",
      "the root file system could not be made read-only after the script",
      lastLines,
      machine,
    );
  return { exitCode: report.exitCode, lastLines };
}

function scriptFailed(script: string, { exitCode, lastLines }: Outcome): ToolError {
  return new ToolError({
    code: "provision-failed",
    message: `the provisioning script ${script} exited ${exitCode}`,
    hint: "its whole output is in the node's log",
    command: [script],
    exitCode,
    signal: null,
    lastLines,
  });
}

function panicOf(machine: Machine): string {
  const line = machine.consoleTail().find((text) => text.includes("Kernel panic"));
  return line === undefined ? "" : `: ${line.replace(/^\[ *[\d.]+\] */, "")}`;
}

const HINTS = {
  "vm-timeout": "raise timeoutSeconds, or see in the node's log what took so long",
  "vm-died":
    "the end of the machine's console is in the node's log; an image needs provision/overlay before it can boot",
  "provision-unclean": "a process or mount of the script still held it: see the end of the node's log",
};

/** Shows the script's last lines, or the console's where there are none. */
function died(
  code: keyof typeof HINTS,
  message: string,
  lastLines: readonly string[],
  machine: Machine,
): ToolError {
  const lines = lastLines.length > 0 && code !== "vm-died" ? lastLines : machine.consoleTail();
  return new ToolError({
    code,
    message,
    hint: HINTS[code],
    command: ["qemu-system-x86_64"],
    exitCode: null,
    signal: null,
    lastLines: lines,
  });
}
