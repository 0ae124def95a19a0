/** `tplgraph plugins`: the step types there are, with their ports. */
import type { Command } from "commander";
import { TplError } from "../../engine/errors.ts";
import type { LoadedPlugin } from "../../engine/plugin/plugin.ts";
import { portInfo } from "../../engine/plugin/port.ts";
import type { Ports, StepType } from "../../engine/plugin/step.ts";
import { suggestOrList } from "../../engine/template/suggest.ts";
import { jsonSchemaOf, portWords } from "../../views/step-type.ts";
import { table } from "../../views/table.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  command.command("ls").description("plugins and their step types").action(act(list));
  command
    .command("show")
    .description("a plugin's step types with their inputs and outputs")
    .argument("<name>", "PLUGIN or PLUGIN/STEP")
    .action(act(show));
}

async function list({ flags, terminal }: Cli): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const plugins = await (await workspace.types()).plugins();
  if (flags.json) {
    const shown = plugins.map((plugin) => ({ ...plugin, steps: plugin.steps.map(stepData) }));
    terminal.out(JSON.stringify({ schema: "tplgraph.plugins/1", plugins: shown }, null, 2));
    return EXIT.done;
  }
  const rows = plugins.flatMap((plugin) =>
    plugin.steps.map((step) => [`${plugin.name}/${step.name}`, step.kind, step.summary]),
  );
  terminal.out(table(rows, { paint: terminal.outPaint }).join("\n"));
  return EXIT.done;
}

async function show({ flags, terminal }: Cli, _: object, name: string): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const plugins = await (await workspace.types()).plugins();
  const [pluginName, stepName] = name.split("/");
  const plugin = plugins.find((candidate) => candidate.name === pluginName);
  const steps = plugin?.steps.filter((step) => stepName === undefined || step.name === stepName) ?? [];
  if (!plugin || steps.length === 0) throw unknown(name, plugins);
  if (flags.json) {
    terminal.out(
      JSON.stringify({ schema: "tplgraph.plugin/1", ...plugin, steps: steps.map(stepData) }, null, 2),
    );
    return EXIT.done;
  }
  const head = `${plugin.name}  ${plugin.summary}\nfrom ${plugin.origin}, ${plugin.implementation}`;
  terminal.out([head, ...steps.map((step) => stepText(plugin.name, step))].join("\n\n"));
  return EXIT.done;
}

function stepText(plugin: string, step: StepType): string {
  return [
    `${plugin}/${step.name}  (${step.kind}) ${step.summary}`,
    ...portLines("inputs", step.inputs),
    ...portLines("outputs", step.outputs),
    ...(step.tools ? [`  tools: ${Object.keys(step.tools).join(", ")}`] : []),
    ...(step.kind === "artifact" ? [`  reproducible: ${reproducibleText(step)}`] : []),
    ...failureLines(step.failures ?? {}),
  ].join("\n");
}

function portLines(title: string, ports: Ports): string[] {
  const rows = portWords(ports).map(({ name, type, default: standard, range, meaning }) => {
    const fallback =
      standard === "needed" ? "" : standard === "optional" ? ", optional" : `, default ${standard}`;
    return [name, `${type}${range ? `, ${range}` : ""}${fallback}`, meaning];
  });
  return rows.length === 0 ? [] : [`  ${title}`, ...table(rows).map((line) => `    ${line}`)];
}

function reproducibleText({ reproducible = true }: Pick<StepType, "reproducible">): "yes" | "no" {
  return reproducible ? "yes" : "no";
}

function failureLines(failures: Readonly<Record<string, string>>): string[] {
  const rows = Object.entries(failures);
  return rows.length === 0 ? [] : ["  fails with", ...table(rows).map((line) => `    ${line}`)];
}

function stepData({ name, kind, summary, inputs, outputs, tools = {}, failures = {}, ...step }: StepType) {
  const ports = (all: Ports) =>
    Object.fromEntries(
      Object.entries(all).map(([port, schema]) => [
        port,
        { ...portInfo(schema), schema: jsonSchemaOf(schema) },
      ]),
    );
  return {
    name,
    kind,
    summary,
    inputs: ports(inputs),
    outputs: ports(outputs),
    tools: Object.keys(tools),
    reproducible: reproducibleText(step),
    failures,
  };
}

function unknown(name: string, plugins: readonly LoadedPlugin[]): TplError {
  const known = plugins.flatMap((plugin) => [
    plugin.name,
    ...plugin.steps.map((step) => `${plugin.name}/${step.name}`),
  ]);
  return new TplError({
    code: "unknown-step-type",
    message: `there is no plugin or step type "${name}"`,
    hint: suggestOrList(name, known, "there are"),
  });
}
