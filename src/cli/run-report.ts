/** What is said after a run: its result on stdout, what failed on stderr. */
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Plan } from "../engine/plan/plan.ts";
import type { RunRecord } from "../engine/run/record.ts";
import type { Store } from "../store/store.ts";
import type { Cli } from "./command.ts";
import type { ProgressMode } from "./progress.ts";

export interface RunReportOptions {
  plan: Plan;
  store: Store;
  cli: Cli;
  mode: ProgressMode;
}

export async function reportRun(
  record: RunRecord,
  { plan, store, cli, mode }: RunReportOptions,
): Promise<void> {
  const { flags, terminal } = cli;
  const uses = new Map(plan.nodes.map((node) => [node.id, node.uses]));
  // Programs that read the events have all of this already.
  if (mode !== "json") {
    await tellFailures(record, uses, store, cli);
    if (record.upload) terminal.err((await import("./upload.ts")).uploadText(record.upload));
  }
  if (flags.json) return terminal.out(JSON.stringify(record, null, 2));
  const { runSummary } = await import("../views/summary.ts");
  const about = { uses, criticalPath: await criticalPathOf(plan, record) };
  if (record.ok) {
    const { outPaint: paint, outColumns: columns } = terminal;
    terminal.out(runSummary(record, { ...about, paint, ...(columns ? { columns } : {}) }));
  } else if (mode !== "json") terminal.err(runSummary(record, { ...about, paint: terminal.errPaint }));
}

/** By the times of this run; of a run that built nothing there is none. */
async function criticalPathOf(plan: Plan, { nodes, counts }: RunRecord): Promise<string[]> {
  if (counts.built === 0) return [];
  const { criticalPath } = await import("../engine/graph/critical-path.ts");
  const { path } = criticalPath(plan.nodes, ({ id }) => nodes[id]?.seconds ?? 0);
  return path.map(({ id }) => id);
}

async function tellFailures(
  record: RunRecord,
  uses: ReadonlyMap<string, string>,
  store: Store,
  { flags, terminal }: Cli,
): Promise<void> {
  if (record.counts.failed + record.cleanup.failed.length === 0) return;
  const failed = Object.entries(record.nodes).filter(([, { status, error }]) => status === "failed" && error);
  if (failed.length + record.cleanup.failed.length === 0) return;
  const { cleanupFailures, failedStep } = await import("../views/error.ts");
  const options = {
    paint: terminal.errPaint,
    ...(flags.logLevel === "debug" ? { detail: "stack" as const } : {}),
  };
  for (const [node, { error }] of failed) {
    const logPath = store.runs.logPath(record.run, node);
    const log = existsSync(logPath) ? { logPath } : {};
    const lastLines = error!.lastLines ?? ("logPath" in log ? await lastLinesOf(logPath) : []);
    const step = { node, uses: uses.get(node) ?? "", error: { ...error!, lastLines }, ...log };
    terminal.err(failedStep(step, options));
  }
  if (record.cleanup.failed.length > 0) terminal.err(cleanupFailures(record.cleanup.failed, options));
}

const LAST_LINES = 30;
/** Where these many bytes hold fewer lines, fewer are shown. */
const TAIL_BYTES = 64 * 1024;

/** Of an error that did not come from a tool: what the step said before it. */
async function lastLinesOf(path: string): Promise<string[]> {
  await using file = await open(path);
  const { size } = await file.stat();
  const start = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
  const lines = buffer.subarray(0, bytesRead).toString("utf8").trimEnd().split("\n");
  return lines.slice(start > 0 ? 1 : 0).slice(-LAST_LINES);
}
