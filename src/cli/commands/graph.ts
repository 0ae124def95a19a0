/** `tplgraph graph`: the compiled graph, drawn. */
import { type Command, Option } from "commander";
import type { Graph } from "../../engine/graph/graph.ts";
import { addParamFlag, type ParamFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { compileTemplate } from "../compile-template.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";
import { writeFileAtomically } from "../write-file.ts";

interface GraphFlags extends ParamFlags {
  format: "tree" | "mermaid" | "json";
  output?: string;
}

export function define(command: Command, act: Action): void {
  addParamFlag(command.argument("<template>", "the template file"))
    .addOption(
      new Option("--format <format>", "how it is drawn").choices(["tree", "mermaid", "json"]).default("tree"),
    )
    .option("-o, --output <file>", "writes it to a file")
    .action(act(drawGraph));
}

async function drawGraph(cli: Cli, flags: GraphFlags, template: string): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags);
  const types = await workspace.types();
  const { graph } = await compileTemplate(template, { flags, types, terminal });
  if (!graph) return EXIT.wrongInput;
  const text = await draw(graph, cli, flags);
  if (flags.output === undefined) terminal.out(text);
  else await writeFileAtomically(flags.output, `${text}\n`);
  return EXIT.done;
}

async function draw(graph: Graph, { flags: { json }, terminal }: Cli, flags: GraphFlags): Promise<string> {
  if (json || flags.format === "json")
    return JSON.stringify({ schema: "tplgraph.graph/1", ...graph }, null, 2);
  if (flags.format === "mermaid") return (await import("../../views/mermaid.ts")).graphMermaid(graph);
  const { graphTree } = await import("../../views/tree.ts");
  return graphTree(graph, flags.output === undefined ? { paint: terminal.outPaint } : {});
}
