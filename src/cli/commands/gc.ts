/** `tplgraph gc`: deletes from the store what nothing needs any more. */
import { type Command, InvalidArgumentError } from "commander";
import { sizeOf } from "../../store/collection.ts";
import type { GcReport } from "../../store/gc.ts";
import { bytes, count } from "../../views/amounts.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { tellInterruption } from "../interruption.ts";
import { parseSize, SIZE_FORM } from "../size.ts";
import { openWorkspace } from "../workspace.ts";

interface GcFlags {
  /** Bytes. */
  keepStorage?: number;
  keepDays: number;
  dryRun?: boolean;
}

const DEFAULT_KEEP_DAYS = 14;

export function define(command: Command, act: Action): void {
  command
    .option("--keep-storage <size>", "deletes the least recently used beyond this size: 500MiB, 20GiB", size)
    .option("--keep-days <days>", "deletes what was not used for so long", days, DEFAULT_KEEP_DAYS)
    .option("--dry-run", "tells what would be deleted")
    .action(act(gc));
}

async function gc(cli: Cli, { keepStorage, keepDays, dryRun = false }: GcFlags): Promise<number> {
  const { flags, terminal } = cli;
  await using workspace = await openWorkspace(flags, { create: "never", mode: dryRun ? "read" : "write" });
  const store = await workspace.store();
  using interruption = tellInterruption(terminal);
  return await failing(
    cli,
    async () => {
      const { liveRuns } = await import("../../image/held-runs.ts");
      const { holders, removeDeadHolds } = await import("../../image/holders.ts");
      if (!dryRun) removeDeadHolds(store.path);
      const report = await store.collectGarbage({
        keepDays,
        ...(keepStorage === undefined ? {} : { keepStorageBytes: keepStorage }),
        dryRun,
        liveRuns: async () => liveRuns(store.path),
        holders: async () => holders(store.path),
        signal: interruption.signal,
      });
      terminal.out(
        flags.json ? reportJson(report, dryRun) : reportText(report, dryRun ? "would free" : "freed"),
      );
      return EXIT.done;
    },
    interruption,
  );
}

function reportText({ records, blobs, runs, kept, goingOn }: GcReport, did: "freed" | "would free"): string {
  return [
    ...(goingOn.length > 0 ? [`still running, so what they may use is kept: ${goingOn.join(", ")}`] : []),
    `${did} ${bytes(sizeOf(blobs))}: ${count(blobs.length, "blob")}, ${count(records.length, "record")}, ${count(runs.length, "old run")}`,
    `kept ${bytes(kept.bytes)} in ${count(kept.blobs, "blob")}`,
  ].join("\n");
}

function reportJson({ records, blobs, runs, kept, goingOn }: GcReport, dryRun: boolean): string {
  return JSON.stringify(
    {
      schema: "tplgraph.gc/1",
      dryRun,
      freed: { bytes: sizeOf(blobs), blobs: blobs.length, runs },
      evicted: records.map(({ key, node, run, at, outputs }) => ({ key, node, run, at, outputs })),
      kept,
      liveRuns: goingOn,
    },
    null,
    2,
  );
}

function size(text: string): number {
  const parsed = parseSize(text);
  if (parsed === undefined) throw new InvalidArgumentError(SIZE_FORM);
  return parsed;
}

function days(text: string): number {
  if (!/^\d{1,6}(\.\d+)?$/.test(text)) throw new InvalidArgumentError("write a number of days");
  return Number(text);
}
