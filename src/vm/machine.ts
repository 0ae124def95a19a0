/**
 * A running machine: QEMU as a tool of the step, with its monitor, its console as log lines, and a socket for each
 * virtio-serial port. The machine ends by itself, by `stop`, or when its host cleans up: it never outlives it.
 */
import { readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { TplError } from "../engine/errors.ts";
import type { Disk } from "../engine/plugin/disk.ts";
import type { VmHost } from "./host.ts";
import { buildInitramfs } from "./initramfs.ts";
import { findKernel } from "./kernel.ts";
import { type DiskSource, type MachineConfig, qemuArguments } from "./qemu.ts";
import { connectQmp, type Qmp } from "./qmp.ts";
import { type Rendezvous, rendezvousAt } from "./rendezvous.ts";

export interface StartOptions {
  config: MachineConfig;
  boot: BootFiles;
  /** After `console=…` and what every guest gets. */
  kernelArguments: readonly string[];
  /** One per disk of the configuration. */
  diskSources: DiskSource[];
  memoryPath?: string;
  incoming?: "deferred";
  onConsole?(line: string): void;
}

/** What a machine boots from, as files. */
export interface BootFiles {
  kernelPath: string;
  initramfsPath: string;
}

export interface Machine {
  qmp: Qmp;
  /** By port name. */
  ports: ReadonlyMap<string, Socket>;
  /** Settles when QEMU has ended, with its error if it did not exit by itself. Never rejects. */
  exited: Promise<{ error?: unknown }>;
  /** At most its last 30 lines. */
  consoleTail(): readonly string[];
  /** Ends it at once, without the guest's help, and waits until QEMU is gone. */
  stop(): Promise<void>;
}

/** How long QEMU may take from its start until it has connected to all sockets. It does so before the guest runs. */
const START_DEADLINE_MS = 60_000;
const QUIT_DEADLINE_MS = 3_000;
const TAIL_LINES = 30;

/** The firmware and kernel draw on their terminal (ECMA-48, control sequences; ESC c is a reset). */
const TERMINAL_SEQUENCE = /\x1b(\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_c])/g;

/** This machine's kernel and an initramfs for it, in `folder`. */
export async function prepareBootFiles(folder: string): Promise<BootFiles> {
  const kernel = await findKernel();
  const initramfsPath = join(folder, "initramfs");
  await writeFile(initramfsPath, await buildInitramfs(kernel));
  return { kernelPath: kernel.path, initramfsPath };
}

export function nbdSource(disk: Disk): DiskSource {
  return { kind: "nbd", socketPath: disk.socketPath, exportName: disk.exportName };
}

/** Resolves as soon as the machine runs (or waits for its device state). Throws TplError `vm-not-started`. */
export async function startVm(host: VmHost, options: StartOptions): Promise<Machine> {
  const folder = await host.scratch();
  const pidFile = join(folder, "pid");
  const qmpDoor = await rendezvousAt(join(folder, "q"));
  const portDoors: Rendezvous[] = [];
  for (const i of options.config.ports.keys()) portDoors.push(await rendezvousAt(join(folder, `p${i}`)));
  const tail: string[] = [];
  const onConsole = (raw: string) => {
    const line = raw.replace(TERMINAL_SEQUENCE, "");
    if (line.trim() === "") return;
    if (tail.push(line) > TAIL_LINES) tail.shift();
    host.log(`console: ${line}`);
    options.onConsole?.(line);
  };
  const args = qemuArguments(options.config, {
    ...options.boot,
    kernelArguments: [...KERNEL_ARGUMENTS, ...options.kernelArguments].join(" "),
    diskSources: options.diskSources,
    portSockets: portDoors.map((door) => door.path),
    qmpSocket: qmpDoor.path,
    pidFile,
    ...(options.memoryPath === undefined ? {} : { memoryPath: options.memoryPath }),
    ...(options.incoming === undefined ? {} : { incoming: options.incoming }),
  });
  const doors = [qmpDoor, ...portDoors];
  let qmp: Qmp | undefined;
  const stop = async () => {
    if (qmp) await Promise.race([qmp.execute("quit").catch(ended), exited, after(QUIT_DEADLINE_MS)]);
    await Promise.race([exited, qmp ? after(QUIT_DEADLINE_MS) : Promise.resolve()]);
    await killByPidFile(pidFile, folder);
    await exited;
    for (const door of doors) door.close();
  };
  host.onCleanup("stop the VM", stop);
  const run = host.tool("qemu-system-x86_64", args, {
    quiet: true,
    onLine: (line, stream) => (stream === "stdout" ? onConsole(line) : undefined),
  });
  const exited: Machine["exited"] = run.then(
    () => ({}),
    (error: unknown) => ({ error }),
  );
  const gone = new AbortController();
  exited.then(({ error }) => gone.abort(error ?? notStarted("QEMU ended at once")));
  const signal = AbortSignal.any([host.signal, gone.signal, AbortSignal.timeout(START_DEADLINE_MS)]);
  try {
    const sockets = await Promise.all(doors.map((door) => door.visitor(signal)));
    qmp = await connectQmp(sockets[0]!);
    const ports = new Map(options.config.ports.map((name, i) => [name, sockets[i + 1]!]));
    return { qmp, ports, exited, consoleTail: () => tail, stop };
  } catch (error) {
    await stop();
    if (host.signal.aborted) throw host.signal.reason;
    throw (error as Error).name === "TimeoutError" ? notStarted("QEMU did not answer") : error;
  }
}

/**
 * A panic ends the machine at once (`panic=-1` restarts, and QEMU runs with -no-reboot). The names of network
 * devices are the kernel's own. Emulated clocks drift: the watchdogs of clock and soft lockups only make noise.
 */
const KERNEL_ARGUMENTS = [
  "console=ttyS0",
  "panic=-1",
  "quiet",
  "loglevel=3",
  "net.ifnames=0",
  "nowatchdog",
  "mitigations=off",
];

function notStarted(message: string): TplError {
  return new TplError({ code: "vm-not-started", message, hint: "tplgraph doctor says whether VMs run here" });
}

function ended(): void {}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** For a QEMU that does not answer. The process is ours only if its command line names our folder. */
async function killByPidFile(pidFile: string, folder: string): Promise<void> {
  try {
    const pid = Number(await readFile(pidFile, "utf8"));
    if ((await readFile(`/proc/${pid}/cmdline`, "utf8")).includes(folder)) process.kill(pid, "SIGKILL");
  } catch (error) {
    // No pid file: QEMU removed it when it ended, or never started. No process: it has just ended.
    if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
