/** `tplgraph artifacts verify` */
import type { Store } from "../../store/store.ts";
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
      const broken = await namingTemplates(store, result.broken);
      const isWhole = result.damaged.length + result.broken.length === 0;
      terminal.out(
        flags.json
          ? JSON.stringify({ schema: "tplgraph.verification/1", ...result, broken }, null, 2)
          : verificationText({ ...result, broken }, isWhole ? "all whole" : "not whole"),
      );
      if (steps.length > 0) terminal.err(`the next run makes anew: ${steps.join(", ")}`);
      return isWhole ? EXIT.done : EXIT.failed;
    },
    interruption,
  );
}

type Broken = Verification["broken"][number] & {
  /** Names of templates that made it or have it as an output, as far as their runs are still known. */
  templates: string[];
};

async function namingTemplates(store: Store, broken: Verification["broken"]): Promise<Broken[]> {
  const named = [];
  for (const stored of broken) {
    const runs = await Promise.all(stored.producers.map(({ run }) => store.runs.get(run)));
    const templates = runs.map((run) => run?.template).filter((name) => name !== undefined);
    named.push({ ...stored, templates: [...new Set(templates)].sort() });
  }
  return named;
}

function verificationText(
  { damaged, broken, blobs, bytes: read }: Omit<Verification, "broken"> & { broken: Broken[] },
  verdict: string,
): string {
  const needed = [...new Set(broken.flatMap(({ templates }) => templates))].sort();
  return [
    ...damaged.map((digest) => `damaged: blob ${digest}`),
    ...broken.map(({ artifact, refs, producers, state }) => {
      const who = [...refs, ...producers.map(({ node, run }) => `${node} of run ${run}`)].join(", ");
      return `${state}: ${artifact.type} ${artifact.digest} (${who})`;
    }),
    ...(needed.length > 0 ? [`templates that need what is not whole: ${needed.join(", ")}`] : []),
    `${count(blobs, "blob")}, ${bytes(read)} read: ${verdict}`,
  ].join("\n");
}
