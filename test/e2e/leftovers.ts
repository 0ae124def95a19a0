/** What a run can leave behind on this machine, looked for from outside: mounts, loop devices, processes, folders, journals. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every trace of runs of this store, as lines; empty when there is none. */
export function leftovers(store: string): string[] {
  return [...mounts(store), ...loops(), ...processes(), ...folders(store)];
}

function mounts(store: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes("tplgraph") || line.includes(store) || line.includes("nbdfuse"))
    .map((line) => `mount: ${line}`);
}

function loops(): string[] {
  return execFileSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], {
    encoding: "utf8",
  })
    .split("\n")
    .filter((line) => line.includes("tplgraph") || line.includes("nbd"))
    .map((line) => `loop: ${line}`);
}

/** Processes that carry the run's variable in their environment, zombies aside. */
function processes(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (!/(^|\0)TPLGRAPH_(RUN|SERVES)=/.test(readFileSync(`/proc/${pid}/environ`, "latin1"))) return [];
      return [`process ${pid}: ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")}`];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

function folders(store: string): string[] {
  const places = ["/run/tplgraph", join(store, "scratch"), join(store, "journal"), join(store, "tmp")];
  return places.flatMap((place) =>
    existsSync(place) ? readdirSync(place).map((name) => `file: ${join(place, name)}`) : [],
  );
}
