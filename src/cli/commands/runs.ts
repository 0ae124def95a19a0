/** `tplgraph runs`: what was built when, and what it said. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { TplError } from "../../engine/errors.ts";
import { suggestOrList } from "../../engine/template/suggest.ts";
import type { RunSummary } from "../../store/runs.ts";
import type { Store } from "../../store/store.ts";
import { disksHeld, heldLines } from "../../views/held-text.ts";
import { runsTable, runTable } from "../../views/runs-table.ts";
import { printable } from "../../views/text-width.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { findRun } from "../find-run.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  command.command("ls").description("past runs, the latest first").action(act(list));
  command
    .command("show")
    .description("the steps of a run")
    .argument("[run]", "its id (default: the latest)")
    .action(act(show));
  command
    .command("logs")
    .description("what a run's steps said; of a cached step, what it said when it was built")
    .argument("[run]", "its id (default: the latest)")
    .argument("[step]", "one step alone")
    .action(act(logs));
}

async function list({ flags, terminal }: Cli): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const store = await workspace.store();
  const runs = await store.runs.list();
  const inUse = await disksInUse(store);
  const { outPaint: paint, outColumns: columns } = terminal;
  if (flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.runs/1", runs, inUse }, null, 2));
  else {
    terminal.out(runsTable(runs, { paint, ...(columns ? { columns } : {}) }));
    if (inUse.length > 0) terminal.out(["", "in use on this machine", ...heldLines(inUse)].join("\n"));
  }
  return EXIT.done;
}

async function show({ flags, terminal }: Cli, _: object, id?: string): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const store = await workspace.store();
  const inUse = await disksInUse(store);
  // A command that only holds a disk, as `serve` does, leaves no record.
  const holding = inUse.filter(({ run }) => run === id);
  const run = holding.length > 0 ? await store.runs.get(id!) : await findRun(store, id);
  const own = run ? inUse.filter(({ run: holder }) => holder === run.run) : holding;
  const { outPaint: paint, outColumns: columns } = terminal;
  if (flags.json) terminal.out(JSON.stringify({ ...shownRun(id, run), inUse: own }, null, 2));
  else {
    if (run) terminal.out(runTable(run, { paint, ...(columns ? { columns } : {}) }));
    if (own.length > 0) terminal.out(heldLines(own).join("\n"));
  }
  return EXIT.done;
}

async function logs({ flags, terminal }: Cli, _: object, id?: string, step?: string): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const store = await workspace.store();
  const run = await findRun(store, id);
  if (step !== undefined) {
    terminal.out((await logOf(store, run, step)).trimEnd());
    return EXIT.done;
  }
  for (const { node, path } of await store.runs.logs(run.run))
    for (const line of (await readFile(path, "utf8")).trimEnd().split("\n"))
      terminal.out(`${printable(node)}| ${printable(line)}`);
  return EXIT.done;
}

async function logOf(store: Store, run: RunSummary, step: string): Promise<string> {
  const own = (await store.runs.logs(run.run)).find(({ node }) => node === step);
  if (own) return readFile(own.path, "utf8");
  const result = run.record?.nodes[step];
  const record = result?.status === "hit" && result.key ? await store.records.get(result.key) : undefined;
  const built = record && (await store.runs.logs(record.run)).find(({ node }) => node === record.node);
  if (built) return readFile(built.path, "utf8");
  if (result) return "";
  const steps = run.record
    ? Object.keys(run.record.nodes)
    : (await store.runs.logs(run.run)).map(({ node }) => node);
  throw new TplError({
    code: "unknown-step",
    message: `run ${run.run} has no step "${step}"`,
    hint: suggestOrList(step, steps, "its steps"),
  });
}

/** A run that has ended is its record. */
function shownRun(id: string | undefined, run: RunSummary | undefined): object {
  return run?.record ?? { schema: "tplgraph.run/1", run: id, ...run };
}

async function disksInUse({ path }: Store) {
  const { heldRuns } = await import("../../image/held-runs.ts");
  return disksHeld(heldRuns(path));
}
