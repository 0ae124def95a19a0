/** Which ways this machine has to get at a disk, and what is missing where one does not work: for `tplgraph doctor`. */
import { accessSync, constants, existsSync, readFileSync, readlinkSync } from "node:fs";
import { findTool } from "../../engine/key/tool-version.ts";

export interface Way {
  ok: boolean;
  /** Why not. */
  why?: string;
  /** What the user can do about it. */
  hint?: string;
}

export interface AttachWays {
  /** `/dev/nbdN` by the kernel's client. */
  kernelNbd: Way;
  /** A file in user space. */
  nbdfuse: Way;
  /** A block device over a file. */
  loop: Way;
  mount: Way;
}

export async function attachWays(): Promise<AttachWays> {
  return { kernelNbd: kernelNbdWay(), nbdfuse: nbdfuseWay(), loop: loopWay(), mount: mountWay() };
}

export function kernelNbdWay(): Way {
  if (!existsSync("/dev/nbd0")) return no("the kernel's nbd module is not loaded", "modprobe nbd");
  if (!findTool("nbd-client")) return no("nbd-client is not installed", "apt-get install nbd-client");
  if (!isFirstPidNamespace())
    return no("in a container of its own process ids nobody can tell whose device it is", "use --pid=host");
  return needsAdministrator();
}

/** Inode of the first process namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO): sysfs tells the ids of this one. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

function isFirstPidNamespace(): boolean {
  return readlinkSync("/proc/self/ns/pid") === FIRST_PID_NAMESPACE;
}

function nbdfuseWay(): Way {
  if (!findTool("nbdfuse")) return no("nbdfuse is not installed", "apt-get install libnbd-bin");
  if (!isWritable("/dev/fuse"))
    return no("/dev/fuse cannot be opened", "modprobe fuse, or pass /dev/fuse to the container");
  if (process.geteuid!() !== 0 && !findTool("fusermount3"))
    return no("fusermount3 is not installed, which users other than root need", "apt-get install fuse3");
  return { ok: true };
}

function loopWay(): Way {
  if (!findTool("losetup")) return no("losetup is not installed", "apt-get install util-linux");
  if (!existsSync("/dev/loop-control"))
    return no("there are no loop devices", "modprobe loop, or give the container its loop devices");
  return needsAdministrator();
}

function mountWay(): Way {
  if (!findTool("mount")) return no("mount is not installed", "apt-get install mount");
  return needsAdministrator();
}

/** CAP_SYS_ADMIN is bit 21 (capabilities(7)); root in a container may lack it. */
function needsAdministrator(): Way {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  if (((BigInt(`0x${effective}`) >> 21n) & 1n) === 1n) return { ok: true };
  return process.geteuid!() === 0
    ? no("this root lacks CAP_SYS_ADMIN", "run the container with --cap-add SYS_ADMIN or --privileged")
    : no("it needs root", "run as root");
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false; // whatever the reason, it cannot be used
  }
}

function no(why: string, hint: string): Way {
  return { ok: false, why, hint };
}
