/** Past runs, the latest first, and the steps of one. */
import type { RunRecord } from "../engine/run/record.ts";
import { bytes, count, seconds } from "./amounts.ts";
import type { Colour, Paint } from "./paint.ts";
import { outcome } from "./summary.ts";
import { type Cell, table, titled } from "./table.ts";
import { printable } from "./text-width.ts";

/** A run as the store's `runs.list` gives it. */
export interface ListedRun {
  run: string;
  template: string;
  /** ISO 8601. */
  at: string;
  state: "ok" | "failed" | "interrupted" | "unfinished";
  record?: RunRecord;
}

export interface RunsTableOptions {
  columns?: number;
  paint?: Paint;
}

const COLOURS: Record<ListedRun["state"], Colour> = {
  ok: "green",
  failed: "red",
  interrupted: "yellow",
  unfinished: "yellow",
};

export function runsTable(runs: readonly ListedRun[], options: RunsTableOptions = {}): string {
  if (runs.length === 0) return "no runs yet";
  const rows = runs.map(({ run, template, at, state, record }): (Cell | string)[] => [
    run,
    { text: state, colour: COLOURS[state] },
    printable(template),
    minute(at),
    record ? outcomeText(record) : "",
  ]);
  return table(titled(["run", "state", "template", "began", ""], rows), { ...options, cuttable: 4 }).join(
    "\n",
  );
}

/** One run: every node with its status, time and what it made. */
export function runTable(run: ListedRun, options: RunsTableOptions = {}): string {
  const head = `${run.run}  ${printable(run.template)}  ${minute(run.at)}  ${run.state}`;
  if (!run.record) return head;
  const rows = Object.entries(run.record.nodes).map(([id, node]): (Cell | string)[] => [
    { text: node.status, colour: STATUS_COLOURS[node.status] },
    printable(id),
    node.status === "built" || node.status === "failed" ? seconds(node.seconds) : "",
    node.addedBytes === undefined ? "" : bytes(node.addedBytes),
    { text: node.key?.slice(0, 12) ?? "", colour: "dim" },
    printable(node.error?.message ?? ""),
  ]);
  const lines = table(titled(["status", "step", "took", "stored", "key", ""], rows), {
    ...options,
    cuttable: 5,
    droppable: [4],
    right: [2, 3],
  });
  return [head, "", ...lines, "", outcome(run.record), ...uploadLines(run.record)].join("\n");
}

function uploadLines({ upload }: RunRecord): string[] {
  if (!upload) return [];
  const { ok, remote, blobs, error } = upload;
  if (ok) return [printable(`uploaded ${bytes(upload.bytes)} to ${remote} (${count(blobs, "blob")})`)];
  return [
    printable(`not uploaded to ${remote}: ${error?.message}`),
    "  still to be uploaded: by the next run, or tplgraph store push",
  ];
}

const STATUS_COLOURS: Record<RunRecord["nodes"][string]["status"], Colour> = {
  hit: "dim",
  built: "green",
  failed: "red",
  cancelled: "yellow",
  skipped: "dim",
};

function outcomeText(record: RunRecord): string {
  const failed = Object.entries(record.nodes).find(([, node]) => node.status === "failed");
  if (failed) return printable(`${failed[0]}: ${failed[1].error?.message ?? "failed"}`);
  return outcome(record).replace(/ \(run .*\)$/, "");
}

/** UTC, to the minute. */
function minute(at: string): string {
  return at.slice(0, 16).replace("T", " ");
}
