/** `tplgraph explain`: why a step would run, or where its cached result came from. */
import type { Command } from "commander";
import type { CacheRecord } from "../../engine/run/record.ts";
import type { Store } from "../../store/store.ts";
import { addPlanFlags, type BuildFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { planTemplate } from "../plan-template.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  addPlanFlags(
    command
      .argument("<template>", "the template file")
      .argument("<step>", "one of its steps, as plan names it"),
  ).action(act(explain));
}

async function explain(cli: Cli, flags: BuildFlags, template: string, step: string): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags);
  const planned = await planTemplate(template, workspace, flags, cli);
  if (!planned) return EXIT.wrongInput;
  const { plan, store, options } = planned;
  const { explainNode } = await import("../../engine/plan/explain-node.ts");
  const explanation = await explainNode(plan, step, { options, producerOf: producers(store) });
  if (cli.flags.json) {
    const { template: about } = plan.graph;
    terminal.out(JSON.stringify({ schema: "tplgraph.explain/1", template: about, ...explanation }, null, 2));
  } else {
    const { explanationText } = await import("../../views/explanation.ts");
    terminal.out(explanationText(explanation, { paint: terminal.outPaint }));
  }
  return EXIT.done;
}

/** Reads all records, once and only when it is first asked. */
export function producers(store: Store): (digest: string) => Promise<CacheRecord | undefined> {
  let index: Promise<Map<string, CacheRecord>> | undefined;
  return async (digest) => {
    index ??= latestByOutput(store);
    return (await index).get(digest);
  };
}

async function latestByOutput({ records }: Store): Promise<Map<string, CacheRecord>> {
  const latest = new Map<string, CacheRecord>();
  for await (const record of records.list())
    for (const { digest } of Object.values(record.outputs))
      if ((latest.get(digest)?.at ?? "") < record.at) latest.set(digest, record);
  return latest;
}
