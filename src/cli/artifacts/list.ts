/** `tplgraph artifacts ls`: what has a name, and the latest that each step made; `--all` shows the rest too. */
import type { StoredArtifact } from "../../store/inventory.ts";
import type { Store } from "../../store/store.ts";
import { count } from "../../views/amounts.ts";
import { artifactsTable } from "../../views/artifacts-table.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export async function listArtifacts({ flags, terminal }: Cli, which: "current" | "all"): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const store = await workspace.store();
  const all = await store.artifacts();
  const artifacts = which === "all" ? all : current(all, await templates(store));
  if (flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.artifacts/1", artifacts }, null, 2));
  else {
    const { outPaint: paint, outColumns: columns } = terminal;
    terminal.out(artifactsTable(artifacts, { paint, ...(columns ? { columns } : {}) }));
    const older = all.length - artifacts.length;
    if (older > 0) terminal.err(`${count(older, "older one")} not shown: --all shows everything`);
  }
  return EXIT.done;
}

/** Of each run, its template's name. */
async function templates(store: Store): Promise<ReadonlyMap<string, string>> {
  return new Map((await store.runs.list()).map(({ run, template }) => [run, template]));
}

function current(all: readonly StoredArtifact[], templateOf: ReadonlyMap<string, string>): StoredArtifact[] {
  const latest = new Map<string, { at: string; stored: StoredArtifact }>();
  for (const stored of all)
    for (const { node, output, run, at } of stored.producers) {
      const producer = [templateOf.get(run) ?? "", node, output].join("\0");
      if (at > (latest.get(producer)?.at ?? "")) latest.set(producer, { at, stored });
    }
  const shown = new Set([...latest.values()].map(({ stored }) => stored));
  return all.filter((stored) => stored.refs.length > 0 || shown.has(stored));
}
