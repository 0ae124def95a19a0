/** What a run can leave behind on this machine, looked for from outside: mounts, loop devices, processes, folders, journals. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every trace of runs of this store, as lines; empty when there is none. Runs on other stores are not looked at. */
export function leftovers(store: string): string[] {
  const runs = existsSync(join(store, "runs")) ? readdirSync(join(store, "runs")) : [];
  return [...mounts(store, runs), ...loops(runs), ...processes(runs), ...folders(store, runs)];
}

function mounts(store: string, runs: string[]): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(store) || mentions(line, runs))
    .map((line) => `mount: ${line}`);
}

function loops(runs: string[]): string[] {
  return execFileSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], {
    encoding: "utf8",
  })
    .split("\n")
    .filter((line) => mentions(line, runs))
    .map((line) => `loop: ${line}`);
}

/** Processes that carry a run's variable in their environment, zombies aside. */
function processes(runs: string[]): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const run = /(?:^|\0)TPLGRAPH_(?:RUN|SERVES)=([^\0]*)/.exec(
        readFileSync(`/proc/${pid}/environ`, "latin1"),
      )?.[1];
      if (run === undefined || !runs.includes(run)) return [];
      return [`process ${pid}: ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")}`];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

function folders(store: string, runs: string[]): string[] {
  const own = ["scratch", "journal", "tmp"].map((name) => join(store, name));
  const inStore = own.flatMap((place) =>
    existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : [],
  );
  const inRun = existsSync("/run/tplgraph")
    ? readdirSync("/run/tplgraph").filter((name) => runs.includes(name))
    : [];
  return [...inStore, ...inRun.map((name) => `/run/tplgraph/${name}`)].map((path) => `file: ${path}`);
}

function mentions(line: string, runs: string[]): boolean {
  return runs.some((run) => line.includes(run));
}
