/** `tplgraph plan`: every step's fate and why; against a git revision, what a change means. Builds nothing. */
import { type Command, Option } from "commander";
import { withCost } from "../../engine/plan/cost.ts";
import type { Plan } from "../../engine/plan/plan.ts";
import type { Review } from "../../engine/plan/review.ts";
import { addBuildFlags, type BuildFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { tellInterruption } from "../interruption.ts";
import { type PlannedTemplate, planTemplate } from "../plan-template.ts";
import { tellTrouble } from "../remote-trouble.ts";
import { openWorkspace, type Workspace } from "../workspace.ts";

interface PlanFlags extends BuildFlags {
  format: "table" | "json" | "markdown";
  /** A git revision. */
  against?: string;
  exitCode?: boolean;
}

export function define(command: Command, act: Action): void {
  addBuildFlags(command)
    .addOption(
      new Option("--format <format>", "how it is printed")
        .choices(["table", "json", "markdown"])
        .default("table"),
    )
    .option("--against <revision>", "tells what is another step than in this git revision")
    .option("--exit-code", `exits ${EXIT.workToDo} where something would be built`)
    .action(act(printPlan));
}

export async function printPlan(cli: Cli, flags: PlanFlags, template: string): Promise<number> {
  await using workspace = await openWorkspace(cli.flags);
  // What a change means can be told on a machine that could not build it.
  const faults = flags.against === undefined ? "refuse" : "tell";
  const planned = await planTemplate(template, workspace, flags, cli, { faults });
  if (!planned) return EXIT.wrongInput;
  tellTrouble(planned.store, cli);
  const plan = await withCost(planned.plan, planned.options);
  const against = await reviewed({ ...planned, plan }, { cli, flags, template, workspace });
  if (against === "interrupted") return EXIT.interrupted;
  cli.terminal.out(await printed(plan, against, cli, flags));
  const hasWork = plan.summary.miss + plan.summary.pending > 0;
  return flags.exitCode && hasWork ? EXIT.workToDo : EXIT.done;
}

interface Asked {
  cli: Cli;
  flags: PlanFlags;
  template: string;
  workspace: Workspace;
}

async function reviewed(
  planned: PlannedTemplate,
  { cli, flags, template: file, workspace: { config } }: Asked,
): Promise<Review | "interrupted" | undefined> {
  const { against: revision } = flags;
  if (revision === undefined) return undefined;
  using interruption = tellInterruption(cli.terminal);
  const { reviewAgainst } = await import("../against/review-against.ts");
  const about = { revision, file, config, params: flags, configFile: cli.flags.config };
  try {
    const review = await reviewAgainst(planned, { ...about, signal: interruption.signal });
    return interruption.happened ? "interrupted" : review;
  } catch (error) {
    if (interruption.happened) return "interrupted";
    throw error;
  }
}

async function printed(plan: Plan, review: Review | undefined, cli: Cli, flags: PlanFlags): Promise<string> {
  if (flags.format === "json" || cli.flags.json)
    return (await import("../../views/plan-json.ts")).planJson(plan, review);
  if (flags.format === "markdown")
    return (await import("../../views/plan-markdown.ts")).planMarkdown(plan, review);
  const { outPaint: paint, outColumns: columns } = cli.terminal;
  const options = { paint, ...(columns ? { columns } : {}) };
  if (review) return (await import("../../views/review-table.ts")).reviewTable(review, options);
  return (await import("../../views/plan-table.ts")).planTable(plan, options);
}
