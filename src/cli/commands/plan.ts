/** `tplgraph plan`: every step's fate and why. Builds nothing. */
import { type Command, Option } from "commander";
import { addBuildFlags, type BuildFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { planTemplate } from "../plan-template.ts";
import { openWorkspace } from "../workspace.ts";

interface PlanFlags extends BuildFlags {
  format: "table" | "json";
  exitCode?: boolean;
}

export function define(command: Command, act: Action): void {
  addBuildFlags(command)
    .addOption(
      new Option("--format <format>", "how it is printed").choices(["table", "json"]).default("table"),
    )
    .option("--exit-code", `exits ${EXIT.workToDo} where something would be built`)
    .action(act(printPlan));
}

export async function printPlan(cli: Cli, flags: PlanFlags, template: string): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags);
  const planned = await planTemplate(template, workspace, flags, cli);
  if (!planned) return EXIT.wrongInput;
  const { plan } = planned;
  if (flags.format === "json" || cli.flags.json) {
    const { planJson } = await import("../../views/plan-json.ts");
    terminal.out(planJson(plan));
  } else {
    const { planTable } = await import("../../views/plan-table.ts");
    const { outPaint: paint, outColumns: columns } = terminal;
    terminal.out(planTable(plan, { paint, ...(columns ? { columns } : {}) }));
  }
  const hasWork = plan.summary.miss + plan.summary.pending > 0;
  return flags.exitCode && hasWork ? EXIT.workToDo : EXIT.done;
}
