/**
 * Which process a number meant: process ids are given again, but never twice with one start time on one boot.
 * A number says nothing across machines or process namespaces (containers that share a store).
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot; field 22 of /proc/PID/stat. */
  startTime: number;
}

/** Where process ids are comparable. */
export interface Machine {
  hostname: string;
  bootId: string;
  pidNamespace: string;
}

export function thisMachine(): Machine {
  return {
    hostname: hostname(),
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: readlinkSync("/proc/self/ns/pid"),
  };
}

/** Undefined when there is no such process, or only its zombie. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  // The second field, the name in parentheses, may hold anything; the third is the state.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, startTime: Number(fields[19]) };
}

export function isRunning(process: ProcessIdentity): boolean {
  return identityOf(process.pid)?.startTime === process.startTime;
}

/** `unknown`: it was noted where process ids mean something else. */
export type Life = { state: "live"; pid: number } | { state: "dead" } | { state: "unknown"; why: string };

/** Of a process that was noted on `machine`, as it can be told on the machine `here`. */
export function lifeOf(process: ProcessIdentity, machine: Machine, here: Machine): Life {
  if (machine.hostname !== here.hostname) return { state: "unknown", why: `it ran on ${machine.hostname}` };
  if (machine.bootId !== here.bootId) return { state: "dead" };
  if (machine.pidNamespace !== here.pidNamespace)
    return { state: "unknown", why: "it ran in another container" };
  return isRunning(process) ? { state: "live", pid: process.pid } : { state: "dead" };
}
