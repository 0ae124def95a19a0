/** `tplgraph cleanup`: releases what dead runs left on this machine. */
import type { Command } from "commander";
import { errorData } from "../../engine/run/error-data.ts";
import type { CleanupReport, RunCleanup } from "../../image/cleanup.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  command.action(act(cleanup));
}

async function cleanup({ flags, terminal }: Cli): Promise<number> {
  await using workspace = await openWorkspace(flags);
  const { cleanupDeadRuns } = await import("../../image/cleanup.ts");
  const report = await cleanupDeadRuns(workspace.location.path);
  terminal.out(flags.json ? reportJson(report) : reportText(report));
  return report.runs.some(({ fate }) => fate === "failed") ? EXIT.notReleased : EXIT.done;
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
