/** `tplgraph artifacts verify` */
import type { Verification } from "../../store/verify.ts";
import { bytes, count } from "../../views/amounts.ts";
import type { Cli } from "../command.ts";
import { disown } from "../disown-damage.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { tellInterruption } from "../interruption.ts";
import { openWorkspace } from "../workspace.ts";

export async function verifyArtifacts(cli: Cli): Promise<number> {
  const { flags, terminal } = cli;
  await using workspace = await openWorkspace(flags, { create: "never" });
  const store = await workspace.store();
  using interruption = tellInterruption(terminal);
  return await failing(
    cli,
    async () => {
      const result = await store.verify({ signal: interruption.signal });
      const steps = store.readOnly ? [] : await disown(store, result.broken);
      const isWhole = result.damaged.length + result.broken.length === 0;
      terminal.out(
        flags.json ? verificationJson(result) : verificationText(result, isWhole ? "all whole" : "not whole"),
      );
      if (steps.length > 0) terminal.err(`the next run makes anew: ${steps.join(", ")}`);
      return isWhole ? EXIT.done : EXIT.failed;
    },
    interruption,
  );
}

function verificationText({ damaged, broken, blobs, bytes: read }: Verification, verdict: string): string {
  return [
    ...damaged.map((digest) => `damaged: blob ${digest}`),
    ...broken.map(({ artifact, refs, producers, state }) => {
      const who = [...refs, ...producers.map(({ node, run }) => `${node} of run ${run}`)].join(", ");
      return `${state}: ${artifact.type} ${artifact.digest} (${who})`;
    }),
    `${count(blobs, "blob")}, ${bytes(read)} read: ${verdict}`,
  ].join("\n");
}

function verificationJson(result: Verification): string {
  return JSON.stringify({ schema: "tplgraph.verification/1", ...result }, null, 2);
}
