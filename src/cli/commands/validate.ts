/** `tplgraph validate`: compiles templates and runs nothing. */
import type { Command } from "commander";
import type { Diagnostic } from "../../engine/template/diagnostic.ts";
import { count } from "../../views/amounts.ts";
import { addParamFlag, type ParamFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { compileTemplate } from "../compile-template.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  addParamFlag(command.argument("<templates...>", "template files")).action(act(validate));
}

async function validate(cli: Cli, flags: ParamFlags, templates: string[]): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags);
  const types = await workspace.types();
  const found: { template: string; ok: boolean; diagnostics: Diagnostic[] }[] = [];
  for (const template of templates) {
    const { graph, diagnostics } = await compileTemplate(template, { flags, types, terminal });
    found.push({ template, ok: graph !== undefined, diagnostics });
    if (graph && !cli.flags.json) terminal.out(`${template}: ok, ${count(graph.nodes.length, "step")}`);
  }
  if (cli.flags.json)
    terminal.out(JSON.stringify({ schema: "tplgraph.validation/1", templates: found }, null, 2));
  return found.every(({ ok }) => ok) ? EXIT.done : EXIT.wrongInput;
}
