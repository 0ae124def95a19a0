/** What is left of one run on this machine, looked for from outside; empty when there is nothing. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export function leftOfRun(store: string, run: string): string[] {
  const short = `/run/tplgraph/${run}`;
  const places = [short, join(store, "scratch", run), join(store, "journal", `${run}.jsonl`)];
  return [
    ...readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(short)),
    ...loops().filter((line) => line.includes(short)),
    ...processesOf(run),
    ...places.filter((place) => existsSync(place)),
  ];
}

function loops(): string[] {
  return readdirSync("/sys/block").flatMap((name) => {
    const file = `/sys/block/${name}/loop/backing_file`;
    return existsSync(file) ? [`${name}: ${readFileSync(file, "utf8").trim()}`] : [];
  });
}

/** The run's tools, its disk host, and what that has started; zombies have no environment. */
export function processesOf(run: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      if (!environment.includes(`TPLGRAPH_RUN=${run}`) && !environment.includes(`TPLGRAPH_SERVES=${run}`))
        return [];
      return [`process ${pid}: ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")}`];
    } catch {
      return []; // it ended meanwhile
    }
  });
}
