/** How long commands take and how much memory, in turn, so that a machine that slows down slows all of them. */
import { spawnSync } from "node:child_process";
import type { Project } from "./projects.ts";

export interface Measured {
  seconds: number;
  peakMiB: number;
}

/** Medians of `rounds`, after one that does not count. */
export function inTurn(projects: readonly [string, Project][], rounds: number): Map<string, Measured> {
  const all = new Map(projects.map(([tool]) => [tool, [] as Measured[]]));
  for (let round = -1; round < rounds; round++)
    for (const [tool, project] of projects) {
      const measured = time(project);
      if (round >= 0) all.get(tool)!.push(measured);
    }
  const medianOf = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
  return new Map(
    [...all].map(([tool, list]) => [
      tool,
      {
        seconds: medianOf(list.map(({ seconds }) => seconds)),
        peakMiB: medianOf(list.map(({ peakMiB }) => peakMiB)),
      },
    ]),
  );
}

/** The peak is that of the largest single process, as time(1) tells it. */
export function time({ command, args, cwd, env }: Project): Measured {
  const begun = performance.now();
  const { status, stderr } = spawnSync("/usr/bin/time", ["-f", "%M", command, ...args], {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  const seconds = (performance.now() - begun) / 1000;
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(" ")}: ${stderr.slice(-2000)}`);
  return { seconds, peakMiB: Number(stderr.trimEnd().split("\n").at(-1)) / 1024 };
}
