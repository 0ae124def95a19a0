/** `tplgraph artifacts ls` */
import { artifactsTable } from "../../views/artifacts-table.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export async function listArtifacts({ flags, terminal }: Cli): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const artifacts = await (await workspace.store()).artifacts();
  if (flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.artifacts/1", artifacts }, null, 2));
  else {
    const { outPaint: paint, outColumns: columns } = terminal;
    terminal.out(artifactsTable(artifacts, { paint, ...(columns ? { columns } : {}) }));
  }
  return EXIT.done;
}
