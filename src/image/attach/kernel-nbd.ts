/**
 * The kernel's NBD client, where its module is loaded, set up over netlink by nbd-client(8). The kernel gives a device
 * to the first who asks for it (nbd.c, `nbd_genl_connect`: config_refs, under a lock) and refuses the next, so a race
 * has one winner and the loser has changed nothing. The older way, ioctls, has the loser set the winner's size, flags
 * and timeout before it is refused (nbd-client.c, `setsizes` before `finish_sock`).
 *
 * The socket is the kernel's own from then on; the tool has ended. A device is known to be ours by the id of the
 * process that set it up, which the kernel keeps and sysfs tells.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { TplError } from "../../engine/errors.ts";
import { type SystemTool, startSystemTool, systemTool } from "./system-tool.ts";
import { becomes } from "./waiting.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 5000;

/**
 * A request without an answer after this long fails with an I/O error, and so do all after it. A chunk may have to
 * come from far away first. No new request waits for a connection that has ended, since nobody would connect again
 * (`dead_conn_timeout` 0); those that were under way then wait for this, or for `severKernelNbd`.
 */
const REQUEST_TIMEOUT_SECONDS = 90;
/** The smallest that the kernel knows: file systems with blocks of 1 KiB do not mount on larger sectors. */
const SECTOR_BYTES = 512;

/** The devices that may be tried, in order. Which of them is free only a try can tell: looking first is a race. */
export function kernelNbdDevices(): string[] {
  return readdirSync("/sys/block")
    .filter((name) => /^nbd\d+$/.test(name) && existsSync(`/dev/${name}`))
    .sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
    .map((name) => `/dev/${name}`);
}

export interface KernelNbdTarget {
  device: string;
  socketPath: string;
  exportName: string;
  readOnly: boolean;
}

/** A client that has been started, and has the device only once the export's server answered it. */
export interface KernelNbdClient {
  /** Undefined: it could not be started; `connected` tells why. */
  pid: number | undefined;
  /**
   * True: `device` shows the export. False: somebody else has it, or has just been faster. Throws TplError
   * `attach-failed`.
   */
  connected(): Promise<boolean>;
  /** Ends it before it is connected. */
  kill(): void;
}

/**
 * For the process that serves the export: nothing is connected before its event loop goes round, so that it can
 * write the client's id down first.
 */
export function startKernelNbdClient(target: KernelNbdTarget): KernelNbdClient {
  const { device, socketPath, exportName, readOnly } = target;
  const tool = startSystemTool("nbd-client", [
    ...["-unix", socketPath, device, "-name", exportName],
    ...["-block-size", String(SECTOR_BYTES), "-timeout", String(REQUEST_TIMEOUT_SECONDS)],
    ...(readOnly ? ["-readonly"] : []),
  ]);
  const { pid } = tool.process;
  return {
    pid,
    connected: () => connected(tool, device),
    kill: () => tool.process.kill("SIGKILL"),
  };
}

async function connected(tool: SystemTool, device: string): Promise<boolean> {
  const { pid } = tool.process;
  const timer = setTimeout(() => tool.process.kill("SIGKILL"), CONNECT_TIMEOUT_MS);
  const error = await tool.ended;
  clearTimeout(timer);
  if (pid !== undefined && connectedBy(device) === pid) return true;
  if (connectedBy(device) !== undefined || isRefusal(error?.lastLines)) return false;
  throw new TplError({
    code: "attach-failed",
    message: `nbd-client cannot connect ${device}: ${error?.message ?? "it ended, and the device has no client"}`,
    hint: "tplgraph doctor shows what this machine can attach with",
    cause: error,
  });
}

/** The kernel's answer to a request for a device that is taken, as nbd-client puts it; its cause is in the kernel's log. */
function isRefusal(lastLines: readonly string[] = []): boolean {
  return lastLines.some((line) => line.includes("Failed to setup device"));
}

/**
 * For a device whose server is dead: every request that is under way fails now, and the device is free once nothing has
 * it open. Nothing happens where the process `clientPid` did not set it up.
 */
export async function severKernelNbd(device: string, clientPid: number, signal?: AbortSignal): Promise<void> {
  if (connectedBy(device) === clientPid)
    await systemTool("nbd-client", ["-disconnect", device], signal ? { signal } : {});
}

/** Nothing happens where the device was not set up by the process `clientPid`: then it is somebody else's. */
export async function disconnectKernelNbd(
  device: string,
  clientPid: number,
  signal?: AbortSignal,
): Promise<void> {
  await severKernelNbd(device, clientPid, signal);
  const gone = () => connectedBy(device) !== clientPid;
  if (await becomes(gone, { timeoutMs: DISCONNECT_TIMEOUT_MS, signal })) return;
  throw new TplError({
    code: "device-busy",
    message: `${device} is still held by something`,
    hint: "fuser -v on the device shows what holds it; tplgraph cleanup releases it later",
  });
}

/** The id of the process that set the device up (nbd.c, `pid_show`); undefined: it is not connected. */
function connectedBy(device: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/block/${device.slice("/dev/".length)}/pid`, "utf8"));
  } catch (error) {
    // ENODEV: it is being disconnected at this moment.
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
