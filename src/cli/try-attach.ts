/**
 * Which ways this machine has to attach a disk: found out by attaching one, on a store of its own that is gone
 * afterwards. What a device node or a tool on the disk promise is not always kept, in containers least of all.
 */
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TplError } from "../engine/errors.ts";
import { newRunId } from "../engine/run/run-id.ts";
import type { OpenedDisk } from "../engine/run/services.ts";
import { attachLoop, detachLoop } from "../image/attach/loop.ts";
import { systemTool } from "../image/attach/system-tool.ts";
import { type AttachWays, attachWays, type Way } from "../image/attach/ways.ts";

/** The smallest that mke2fs puts a journal on is larger; it is not needed here. */
const DISK_BYTES = 4 * 2 ** 20;
const CLOSE_MS = 30_000;

/** Those that seem to work are tried; what is wrong with the others is told as it seems. */
export async function tryAttaching(): Promise<AttachWays> {
  const folder = await mkdtemp(join(tmpdir(), "tplgraph-doctor-"));
  try {
    return await tryAll(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tryAll(folder: string): Promise<AttachWays> {
  const seem = await attachWays();
  const log: string[] = [];
  const { runServices } = await import("../run-services.ts");
  const services = await runServices({ path: folder }, (line) => log.push(line))(newRunId(Date.now()));
  const opened = await services.openDisk("doctor", { sizeBytes: DISK_BYTES });
  let ways: AttachWays;
  try {
    const nbdfuse = await tried(seem.nbdfuse, () => opened.disk.file());
    const loop = await tried(seem.loop, () => tryLoop(join(folder, "loop")));
    const device = seem.kernelNbd.ok || (nbdfuse.ok && loop.ok) ? await deviceOf(opened) : undefined;
    const kernelNbd = seem.kernelNbd.ok ? kernelWay(device, log) : seem.kernelNbd;
    const mount = device ? await tried(seem.mount, () => tryMount(opened, device)) : seem.mount;
    ways = { kernelNbd, nbdfuse, loop, mount };
  } finally {
    await opened.close(AbortSignal.timeout(CLOSE_MS));
  }
  const [failure] = await services.close();
  if (failure) throw failure.error;
  return ways;
}

async function tried(seems: Way, attempt: () => Promise<unknown>): Promise<Way> {
  if (!seems.ok) return seems;
  try {
    await attempt();
    return { ok: true };
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    return { ok: false, why: error.message, ...(error.hint ? { hint: error.hint } : {}) };
  }
}

/** Undefined: there is no way to one. */
async function deviceOf({ disk }: OpenedDisk): Promise<string | undefined> {
  try {
    return await disk.device();
  } catch (error) {
    if (error instanceof TplError) return undefined;
    throw error;
  }
}

/** Where it does not work the disk host has said why, and taken a loop device. */
function kernelWay(device: string | undefined, log: readonly string[]): Way {
  if (device?.startsWith("/dev/nbd")) return { ok: true };
  return { ok: false, why: log.find((line) => line.includes("nbd-client")) ?? "every device is in use" };
}

async function tryLoop(path: string): Promise<void> {
  await writeFile(path, "");
  await truncate(path, DISK_BYTES);
  try {
    await attachLoop(path, { readOnly: true });
  } finally {
    await detachLoop(path);
  }
}

async function tryMount({ disk }: OpenedDisk, device: string): Promise<void> {
  await systemTool("mke2fs", ["-q", "-t", "ext4", device]);
  await disk.mount();
  await disk.unmount();
}
