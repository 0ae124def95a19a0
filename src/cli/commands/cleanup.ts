/** `tplgraph cleanup`: releases what dead runs left on this machine. */
import type { Command } from "commander";
import { errorData } from "../../engine/run/error-data.ts";
import type { CleanupReport, RunCleanup } from "../../image/cleanup.ts";
import { heldLines } from "../../views/held-text.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  command
    .option("--dry-run", "tells what every run holds, and which of them are dead; releases nothing")
    .action(act(cleanup));
}

async function cleanup(cli: Cli, { dryRun }: { dryRun?: boolean }): Promise<number> {
  const { flags, terminal } = cli;
  if (dryRun) return await tellHeld(cli);
  await using workspace = await openWorkspace(flags);
  const { cleanupDeadRuns } = await import("../../image/cleanup.ts");
  const report = await cleanupDeadRuns(workspace.location.path);
  terminal.out(flags.json ? reportJson(report) : reportText(report));
  return report.runs.some(({ fate }) => fate === "failed") ? EXIT.notReleased : EXIT.done;
}

async function tellHeld({ flags, terminal }: Cli): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const { heldRuns } = await import("../../image/held-runs.ts");
  const runs = heldRuns(workspace.location.path);
  if (flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.cleanup/1", dryRun: true, runs }, null, 2));
  else if (runs.length === 0) terminal.out("nothing to release");
  else terminal.out(heldLines(runs).join("\n"));
  return EXIT.done;
}

function reportText({ runs }: CleanupReport): string {
  if (runs.length === 0) return "nothing to release";
  return runs.flatMap(linesOf).join("\n");
}

function linesOf({ run, fate, why, released, failures }: RunCleanup): string[] {
  const said = {
    released: "dead",
    failed: "dead",
    live: "goes on",
    ended: "has just ended",
    foreign: "left alone",
  };
  return [
    `run ${run}: ${said[fate]}${why === undefined ? "" : `: ${why}`}`,
    ...released.map((what) => `  released: ${what}`),
    ...failures.map(({ what, error }) => `  not released: ${what}: ${errorData(error).message}`),
  ];
}

function reportJson({ runs }: CleanupReport): string {
  const plain = runs.map((run) => ({
    ...run,
    failures: run.failures.map(({ what, error }) => ({ what, error: errorData(error) })),
  }));
  return JSON.stringify({ schema: "tplgraph.cleanup/1", runs: plain }, null, 2);
}
