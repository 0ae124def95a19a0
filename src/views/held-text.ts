/** What runs hold on this machine: for `runs ls`, `runs show` and `cleanup --dry-run`. */
import { type Acquisition, describeAcquisition } from "../engine/run/journal.ts";
import { printable } from "./text-width.ts";

/** A run as `heldRuns` of the image layer tells it. */
export interface HolderRun {
  run: string;
  state: "live" | "dead" | "unknown";
  why?: string;
  pid?: number;
  held: readonly { node: string; acquisition: Acquisition; device?: string; failure?: string }[];
}

/** A line for each run, and one for each thing that it holds. */
export function heldLines(runs: readonly HolderRun[]): string[] {
  return runs.flatMap((run) => [headOf(run), ...run.held.map((thing) => `  ${thingText(thing)}`)]);
}

/** What is of interest to whoever looks for what is in use: disks, not the folders and files around them. */
export function disksHeld<Run extends HolderRun>(runs: readonly Run[]): Run[] {
  return runs
    .map((run) => ({ ...run, held: run.held.filter(({ acquisition }) => isDisk(acquisition)) }))
    .filter(({ held }) => held.length > 0);
}

function isDisk({ kind }: Acquisition): boolean {
  return kind !== "folder" && kind !== "file";
}

function headOf({ run, state, why, pid }: HolderRun): string {
  const words = { live: "goes on", dead: "dead", unknown: "left alone" };
  const process = pid === undefined ? "" : ` (pid ${pid})`;
  return `run ${run}: ${words[state]}${process}${why === undefined ? "" : `: ${printable(why)}`}`;
}

function thingText({ node, acquisition, device, failure }: HolderRun["held"][number]): string {
  const what = printable(describeAcquisition(acquisition));
  const shown = acquisition.kind === "loop" && device ? `${device}, ${what}` : what;
  const who = node === "" ? "" : ` (${printable(node)})`;
  return `${shown}${who}${failure === undefined ? "" : `: not released: ${printable(failure)}`}`;
}
