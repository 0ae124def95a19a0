/**
 * Releases what a journal says was taken. Every release may run twice, and from another process than the one
 * that took the thing: "it is not there" is success, anything else that keeps it there is thrown.
 */
import { lstatSync, readdirSync, realpathSync, rmdirSync, unlinkSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { TplError } from "../engine/errors.ts";
import type { Release } from "../engine/run/journal.ts";
import { disconnectKernelNbd } from "./attach/kernel-nbd.ts";
import { detachLoop } from "./attach/loop.ts";
import { unmount } from "./attach/mount.ts";
import { mountsWithin } from "./attach/mountinfo.ts";
import { detachNbdfuse } from "./attach/nbdfuse.ts";
import { systemTool } from "./attach/system-tool.ts";

export const releaseAcquisition: Release = async (acquisition, signal) => {
  switch (acquisition.kind) {
    case "folder":
      return await removeFolder(acquisition.path, signal);
    case "file":
      return await removeFile(acquisition.path);
    case "mount":
      return await unmount(acquisition.path, signal);
    case "loop":
      return await detachLoop(acquisition.backingFile, signal);
    case "nbdfuse":
      return await detachNbdfuse(acquisition.path, signal);
    case "export":
      return; // the server that had it is closed, or dead
    case "kernel-nbd":
      return await disconnectKernelNbd(acquisition.device, acquisition.clientPid, signal);
  }
};

/** A tree by a tool, so that it keeps none of this process's threads busy. Never across a mount point. */
async function removeFolder(path: string, signal: AbortSignal): Promise<void> {
  const place = placeOf(path);
  if (place === undefined) return;
  const mounted = mountsWithin(place);
  if (mounted.length > 0)
    throw new TplError({
      code: "folder-has-mounts",
      message: `${path} is not removed: ${mounted.map((mount) => mount.path).join(", ")} is still mounted`,
      hint: "unmount it, then run tplgraph cleanup",
    });
  if (removedHere(place)) return;
  await systemTool("rm", ["--recursive", "--force", "--one-file-system", "--", place], { signal });
}

/** True: it had nothing but links and sockets in it, as most have at the end, and is gone sooner than a tool is started. */
function removedHere(place: string): boolean {
  try {
    const entries = readdirSync(place, { withFileTypes: true });
    if (!entries.every((entry) => entry.isSymbolicLink() || entry.isSocket())) return false;
    for (const { name } of entries) unlinkSync(join(place, name));
    rmdirSync(place);
    return true;
  } catch {
    return false; // whatever it is, the tool meets it too, and tells
  }
}

async function removeFile(path: string): Promise<void> {
  const place = placeOf(path);
  if (place === undefined) return;
  try {
    await unlink(place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** As the kernel names it in mountinfo: its folder's links followed, its own not. Undefined: it is not there. */
function placeOf(path: string): string | undefined {
  if (resolve(path) !== path) throw notOwned(path);
  try {
    const place = join(realpathSync(dirname(path)), basename(path));
    if (dirname(place) === "/") throw notOwned(path);
    // Below a mount point nothing may be asked: the question could end at a disk that this process serves.
    if (mountsWithin(place).length === 0) lstatSync(place);
    return place;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function notOwned(path: string): Error {
  return new Error(`bug: ${path} is no path that a run can own`);
}
