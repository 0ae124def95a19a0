/**
 * The kernel's NBD client, where its module is loaded. nbd-client(8) stays in the foreground for as long as the
 * device is connected (the ioctl way), so that a connection belongs to a process whose arguments name our socket.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { TplError } from "../../engine/errors.ts";
import { argumentsOf } from "../process/process-list.ts";
import { startSystemTool, systemTool } from "./system-tool.ts";
import { becomes } from "./waiting.ts";

const CONNECT_TIMEOUT_MS = 5000;
const DISCONNECT_TIMEOUT_MS = 5000;

/** The devices that may be tried, in order. Which of them is free only a try can tell: looking first is a race. */
export function kernelNbdDevices(): string[] {
  return readdirSync("/sys/block")
    .filter((name) => /^nbd\d+$/.test(name) && existsSync(`/dev/${name}`))
    .sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
    .map((name) => `/dev/${name}`);
}

/** True: `device` shows the export. False: it is in use by somebody. */
export async function connectKernelNbd(what: {
  device: string;
  socketPath: string;
  exportName: string;
  readOnly: boolean;
}): Promise<boolean> {
  const mode = what.readOnly ? ["-readonly"] : [];
  const tool = startSystemTool("nbd-client", [
    ...["-unix", what.socketPath, what.device, "-name", what.exportName],
    ...["-nofork", "-nonetlink", "-block-size", "512", ...mode],
  ]);
  let ended = false;
  const failure = tool.ended.then((error) => {
    ended = true;
    return error;
  });
  const connected = async () => ended || (await isOurs(what.device, what.socketPath));
  const done = await becomes(connected, { timeoutMs: CONNECT_TIMEOUT_MS });
  if (done && !ended) {
    tool.process.unref();
    return true;
  }
  tool.process.kill("SIGKILL");
  const error = await failure;
  if (error && /busy|in use/i.test(error.lastLines.join("\n"))) return false;
  throw new TplError({
    code: "attach-failed",
    message: `nbd-client cannot connect ${what.device}: ${error?.message ?? "it did not become ready"}`,
    hint: "tplgraph doctor shows what this machine can attach with",
    cause: error,
  });
}

/** Nothing happens where the device is not connected to `socketPath`: then it is somebody else's. */
export async function disconnectKernelNbd(
  device: string,
  socketPath: string,
  signal?: AbortSignal,
): Promise<void> {
  if (!(await isOurs(device, socketPath))) return;
  await systemTool("nbd-client", ["-nonetlink", "-disconnect", device], signal ? { signal } : {});
  const gone = async () => !(await isOurs(device, socketPath));
  if (await becomes(gone, { timeoutMs: DISCONNECT_TIMEOUT_MS, signal })) return;
  throw new TplError({
    code: "device-busy",
    message: `${device} is still connected`,
    hint: "fuser -v on the device shows what holds it; tplgraph cleanup releases it later",
  });
}

/** sysfs tells the process that connected the device (nbd.c, `pid_show`). */
async function isOurs(device: string, socketPath: string): Promise<boolean> {
  let pid: number;
  try {
    pid = Number(readFileSync(`/sys/block/${device.slice("/dev/".length)}/pid`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false; // not connected
    throw error;
  }
  return (await argumentsOf(pid)).includes(socketPath);
}
