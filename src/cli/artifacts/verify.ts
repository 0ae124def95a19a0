/** `tplgraph artifacts verify` */
import { bytes, count } from "../../views/amounts.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { listenForInterruption } from "../interruption.ts";
import { openWorkspace } from "../workspace.ts";

export async function verifyArtifacts(cli: Cli): Promise<number> {
  const { flags, terminal } = cli;
  await using workspace = await openWorkspace(flags, { create: "never" });
  const store = await workspace.store();
  using interruption = listenForInterruption({
    onFirst: () => terminal.err("interrupted"),
    onAgain: () => undefined,
  });
  let whole = true;
  const status = await failing(cli, interruption, async () => {
    const result = await store.verify({ signal: interruption.signal });
    whole = result.damaged.length + result.broken.length === 0;
    if (flags.json)
      return terminal.out(JSON.stringify({ schema: "tplgraph.verification/1", ...result }, null, 2));
    for (const digest of result.damaged) terminal.out(`damaged: blob ${digest}`);
    for (const { artifact, refs, producers, state } of result.broken) {
      const who = [...refs, ...producers.map(({ node, run }) => `${node} of run ${run}`)].join(", ");
      terminal.out(`${state}: ${artifact.type} ${artifact.digest} (${who})`);
    }
    terminal.out(
      `${count(result.blobs, "blob")}, ${bytes(result.bytes)} read: ${whole ? "all whole" : "not whole"}`,
    );
  });
  return status === EXIT.done && !whole ? EXIT.failed : status;
}
