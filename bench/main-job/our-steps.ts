/** Runs a template with the built command, and takes the time of each of its steps from the run's own events. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { RunEvent } from "../../src/engine/run/event.ts";
import type { RunRecord } from "../../src/engine/run/record.ts";

export const project = resolve(import.meta.dirname, "../..");
const main = join(project, "dist/cli/main.js");

export interface OurRun {
  /** By step, in the order in which they ended. A resource's time is that of acquiring it. */
  seconds: Map<string, number>;
  /** From the start of the command to its end. */
  commandSeconds: number;
  record: RunRecord;
}

/** One step at a time, so that no step's time holds another's. Throws where the run fails. */
export async function runTemplate(name: string, store: string, args: readonly string[]): Promise<OurRun> {
  const result = join(store, "bench-result.json");
  const command = ["run", join(project, "templates", name), "--store", store, "--progress", "json"];
  const seconds = new Map<string, number>();
  const began = performance.now();
  await tplgraph([...command, "--jobs", "1", "--result", result, ...args], (event) => {
    if (event.type === "node-finished" && event.status === "built") seconds.set(event.node, event.seconds);
  });
  const commandSeconds = (performance.now() - began) / 1000;
  return { seconds, commandSeconds, record: JSON.parse(await readFile(result, "utf8")) };
}

/** Runs the command. Throws with the end of its stderr unless it exits 0. */
export async function tplgraph(
  args: readonly string[],
  onEvent: (event: RunEvent) => void = () => {},
): Promise<void> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const last: string[] = [];
  createInterface(child.stderr).on("line", (line) => {
    if (last.push(line) > 20) last.shift();
    if (line.startsWith("{")) onEvent(JSON.parse(line) as RunEvent);
  });
  const exitCode = await new Promise<number | null>((done, fail) =>
    child.once("error", fail).once("close", done),
  );
  if (exitCode !== 0) throw new Error(`tplgraph ${args[0]} exited ${exitCode}:\n${last.join("\n")}`);
}
