/** `tplgraph explain`: why a step would run, or where its cached result came from. */
import type { Command } from "commander";
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
  const { producers } = await import("../../store/records/producers.ts");
  const explanation = await explainNode(plan, step, { options, producerOf: producers(store.records) });
  if (cli.flags.json) {
    const { template: about } = plan.graph;
    terminal.out(JSON.stringify({ schema: "tplgraph.explain/1", template: about, ...explanation }, null, 2));
  } else {
    const { explanationText } = await import("../../views/explanation.ts");
    terminal.out(explanationText(explanation, { paint: terminal.outPaint }));
  }
  return EXIT.done;
}
