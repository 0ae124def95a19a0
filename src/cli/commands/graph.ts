/** `tplgraph graph`: the graph, drawn: what a run would do, or what one did. */
import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { TplError } from "../../engine/errors.ts";
import type { RunSummary } from "../../store/runs.ts";
import type { GraphDocument } from "../../views/graph/document.ts";
import type { Grouping } from "../../views/graph/groups.ts";
import { addPlanFlags, type BuildFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { planOf, runOf, structureOf } from "../graph-source.ts";
import { openWorkspace, type Workspace } from "../workspace.ts";
import { writeFileAtomically } from "../write-file.ts";

interface GraphFlags extends BuildFlags {
  format: "tree" | "mermaid" | "dot" | "svg" | "html" | "json";
  output?: string;
  groups: Grouping;
  run?: string;
  with?: string;
  structure?: boolean;
}

export function define(command: Command, act: Action): void {
  addPlanFlags(command.argument("[template]", "the template file"))
    .addOption(
      new Option("--format <format>", "how it is drawn")
        .choices(["tree", "mermaid", "dot", "svg", "html", "json"])
        .default("tree"),
    )
    .addOption(
      new Option(
        "--groups <by>",
        "what is drawn in a common frame: the steps of each other template, or of each plugin",
      )
        .choices(["template", "plugin", "none"])
        .default("template"),
    )
    .option("--run <run>", "draws what a run did, in place of what one would do")
    .option("--with <run|template>", "html: another run or template beside it, with what differs")
    .option("--structure", "draws the graph alone, and asks nobody what would be built")
    .option("-o, --output <file>", "writes it to a file")
    .action(act(drawGraph));
}

async function drawGraph(cli: Cli, flags: GraphFlags, template?: string): Promise<number> {
  checkFlags(flags, template);
  const reading = flags.run !== undefined ? ({ mode: "read" } as const) : {};
  await using workspace = await openWorkspace(cli.flags, reading);
  const document = await documentOf(template, workspace, flags, cli);
  if (!document) return EXIT.wrongInput;
  const other = flags.with === undefined ? undefined : await otherDocument(flags.with, workspace, flags, cli);
  if (flags.with !== undefined && !other) return EXIT.wrongInput;
  const text = await draw(document, other, workspace, cli, flags);
  if (flags.output === undefined) cli.terminal.out(text);
  else await writeFileAtomically(flags.output, `${text}\n`);
  return EXIT.done;
}

function checkFlags(flags: GraphFlags, template: string | undefined): void {
  if ((template === undefined) === (flags.run === undefined))
    throw new TplError({
      code: "wrong-usage",
      message:
        template === undefined ? "nothing says what to draw" : "both a template and --run say what to draw",
      hint: "tplgraph graph TEMPLATE, or tplgraph graph --run RUN",
    });
  if (flags.with !== undefined && flags.format !== "html")
    throw new TplError({
      code: "wrong-usage",
      message: `--with puts two graphs side by side, which --format ${flags.format} cannot`,
      hint: "add --format html -o FILE",
    });
}

function documentOf(
  template: string | undefined,
  workspace: Workspace,
  flags: GraphFlags,
  cli: Cli,
): Promise<GraphDocument | undefined> {
  if (template === undefined) return runOf(flags.run!, workspace, cli);
  if (flags.structure) return structureOf(template, workspace, flags, cli);
  return planOf(template, workspace, flags, cli, { details: flags.format === "html" ? "all" : "none" });
}

/** A run's id, or a template's path. */
async function otherDocument(
  name: string,
  workspace: Workspace,
  flags: GraphFlags,
  cli: Cli,
): Promise<GraphDocument | undefined> {
  const run: RunSummary | undefined = await (await workspace.store()).runs.get(name);
  if (run) return runOf(name, workspace, cli);
  if (existsSync(name)) return planOf(name, workspace, flags, cli, { details: "all" });
  throw new TplError({
    code: "unknown-graph",
    message: `--with ${name} is neither a run nor a template file`,
    hint: "tplgraph runs ls shows the runs there are",
  });
}

async function draw(
  document: GraphDocument,
  other: GraphDocument | undefined,
  workspace: Workspace,
  { flags: { json }, terminal }: Cli,
  { format, groups, output }: GraphFlags,
): Promise<string> {
  if (json || format === "json") return JSON.stringify(document, null, 2);
  switch (format) {
    case "mermaid":
      return (await import("../../views/graph/mermaid.ts")).graphMermaid(document, { groups });
    case "dot":
      return (await import("../../views/graph/dot.ts")).graphDot(document, { groups });
    case "svg":
      return (await import("../../views/graph/svg.ts")).graphSvg(document, { groups });
    case "html":
      return page(other ? [document, other] : [document], workspace, groups);
    default: {
      const { graphTree } = await import("../../views/graph/tree.ts");
      return graphTree(document, output === undefined ? { paint: terminal.outPaint } : {});
    }
  }
}

async function page(
  documents: readonly GraphDocument[],
  workspace: Workspace,
  groups: Grouping,
): Promise<string> {
  const { graphPage } = await import("../../views/graph/page.ts");
  const { pageAssets } = await import("../page-assets.ts");
  const { addDetails } = await import("../node-details.ts");
  const assets = await pageAssets("main");
  for (const document of documents)
    if (document.shows !== "structure") await addDetails(document, await workspace.store());
  const graphs = documents.map((document) => ({ title: titleOf(document), document }));
  return graphPage({ graphs }, { assets, groups });
}

function titleOf({ run, template, shows }: GraphDocument): string {
  return run ? `run ${run.run}` : `${shows} of ${template.file}`;
}
