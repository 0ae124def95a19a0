/**
 * docs/steps.md: every step type of our own, from its schemas, with its example from docs/examples. `npm run docs:steps`
 * writes it; a test holds the committed page against what this makes.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BUILTIN_PLUGINS } from "../src/cli/builtin-plugins.ts";
import type { Plugin } from "../src/engine/plugin/plugin.ts";
import type { Ports, StepType } from "../src/engine/plugin/step.ts";
import { portWords } from "../src/views/step-type.ts";

const docs = resolve(import.meta.dirname, "../docs");
export const STEPS_PAGE = join(docs, "steps.md");

/** Where the example of step type `uses` is. */
export function exampleOf(uses: string): string {
  return join(docs, "examples", `${uses.replace("/", "-")}.yaml`);
}

export async function stepsPage(): Promise<string> {
  const plugins = await Promise.all(
    Object.values(BUILTIN_PLUGINS).map(async ({ load }) => (await load()).default as Plugin),
  );
  const sections = plugins.flatMap((plugin) => plugin.steps.map((step) => section(plugin, step)));
  return [HEAD, ...(await Promise.all(sections))].join("\n\n").concat("\n");
}

const HEAD = `# Step types

<!-- Made by \`npm run docs:steps\` from the schemas of the step types and from docs/examples: not to be written by hand. -->

What each step type takes and makes. \`tplgraph plugins show PLUGIN/STEP\` prints the same. An image in a template is a
reference to a step's output, \`{ ref: NAME }\`, \`{ template: FILE, output: NAME }\` or \`{ file: PATH }\`. The examples
are templates in [examples](examples).`;

async function section(plugin: Plugin, step: StepType): Promise<string> {
  const uses = `${plugin.name}/${step.name}`;
  const failures = Object.entries(step.failures ?? {});
  const parts = [
    `## \`${uses}\``,
    `${sentence(step.summary)} ${kindOf(step)}`,
    `**Inputs**\n\n${table(["input", "type", "default", "range", "meaning"], inputRows(step.inputs))}`,
    `**Outputs**: ${portWords(step.outputs)
      .map(({ name, type }) => `\`${name}\` (${type})`)
      .join(", ")}`,
    ...(step.tools ? [`**Tools**: ${Object.keys(step.tools).map(code).join(", ")}`] : []),
    ...(failures.length > 0
      ? [
          `**Fails with**\n\n${table(
            ["code", "when"],
            failures.map(([name, when]) => [code(name), when]),
          )}`,
        ]
      : []),
    `**Example**\n\n\`\`\`yaml\n${(await readFile(exampleOf(uses), "utf8")).trimEnd()}\n\`\`\``,
  ];
  return parts.join("\n\n");
}

function kindOf(step: StepType): string {
  if (step.kind === "resource") return "A resource: held while its consumers run, never cached.";
  return step.reproducible === false
    ? "Not reproducible: two runs may differ in bytes."
    : "Reproducible: the same inputs make the same bytes.";
}

function inputRows(ports: Ports): string[][] {
  return portWords(ports).map(({ name, type, default: standard, range, meaning }) => [
    code(name),
    type,
    standard === "needed" || standard === "optional" ? standard : code(standard),
    range,
    meaning,
  ]);
}

/** Padded, as the formatter wants it. */
function table(head: string[], rows: string[][]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(cells[0]!), line(widths.map((width) => "-".repeat(width))), ...cells.slice(1).map(line)].join(
    "\n",
  );
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) await writeFile(STEPS_PAGE, await stepsPage());
