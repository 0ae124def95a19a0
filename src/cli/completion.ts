/**
 * Completion in a shell: `tplgraph complete bash|zsh|fish` prints what the shell is to load, and that calls `tplgraph
 * complete -- WORDS…` at each tab. Commands and their options are offered as commander knows them; beside these the
 * template files here, the steps and parameters of the template that was written, and the names in the store.
 */
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import tab from "@bomb.sh/tab/commander";
import type { Command as CommanderCommand } from "commander";
import type { GlobalFlags } from "./command.ts";
import { exampleText } from "./examples.ts";

type Offer = (value: string, description: string) => void;

/** Adds the command `complete`; every other one must be defined. `args`: the whole command line. */
export async function addCompletion(program: CommanderCommand, args: readonly string[]): Promise<void> {
  const root = tab(program);
  program.commands.at(-1)!.exitOverride().addHelpText("after", exampleText("complete")!);
  const words = args[1] === "--" ? args.slice(2) : [];
  const last = words.at(-1) ?? "";
  const template = words.slice(0, -1).find(isTemplate);
  const { steps, params } = await contentOf(template);
  const refs = words.some((word) => NAMES_REFS.has(word)) ? await refNames(words) : [];

  for (const command of root.commands.values()) {
    for (const [name, option] of command.options) {
      if (name === "target" || name === "force") option.handler = offering(steps);
      if (name === "param") option.handler = offering(params.map((param) => `${param}=`));
      if (TAKES_FILE.test(name)) option.handler = (offer) => offerFiles(last, /./, offer);
    }
    for (const [name, argument] of command.arguments) {
      if (/^template/.test(name)) argument.handler = (offer) => offerFiles(last, TEMPLATE, offer);
      else if (/^file/.test(name)) argument.handler = (offer) => offerFiles(last, /./, offer);
      else if (name === "step") argument.handler = offering(steps);
      else if (/^ref/.test(name)) argument.handler = offering(refs);
    }
  }
}

const TEMPLATE = /\.ya?ml$/;
const TAKES_FILE = /^(store|config|output|result|params|socket)$/;
/** Commands with a REF among their arguments. */
const NAMES_REFS = new Set(["artifacts", "mount", "serve", "resume", "store"]);

function offering(values: readonly string[]): (offer: Offer) => void {
  return (offer) => {
    for (const value of values) offer(value, "");
  };
}

/**
 * Files whose names match, and folders, beside what was written so far; with a folder what is in it, since a shell
 * puts a space behind the only thing that is offered.
 */
function offerFiles(written: string, names: RegExp, offer: Offer): void {
  const folder = written.endsWith("/") ? written : dirname(written);
  offerFrom(folder === "." && !written.startsWith("./") ? "" : folder);

  function offerFrom(folder: string, depth: "first" | "second" = "first"): void {
    for (const entry of entriesOf(folder || ".")) {
      const path = folder === "./" || folder === "." ? `./${entry.name}` : join(folder, entry.name);
      if (!entry.isDirectory()) {
        if (names.test(entry.name)) offer(path, "");
      } else if (path.startsWith(written)) {
        offer(`${path}/`, "");
        if (depth === "first") offerFrom(path, "second");
      }
    }
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  } catch {
    return []; // no such folder: then nothing is offered
  }
}

function isTemplate(word: string): boolean {
  return TEMPLATE.test(word) && statSync(word, { throwIfNoEntry: false })?.isFile() === true;
}

/** Of a template that is still being written there may be nothing to tell. */
async function contentOf(template: string | undefined): Promise<{ steps: string[]; params: string[] }> {
  if (template === undefined) return { steps: [], params: [] };
  const { readFile } = await import("node:fs/promises");
  const { parseTemplate } = await import("../engine/template/parse.ts");
  const { template: parsed } = await parseTemplate(await readFile(template, "utf8"), template);
  return {
    steps: parsed?.steps.map(({ name }) => name) ?? [],
    params: parsed?.params.map(({ name }) => name) ?? [],
  };
}

/** A store that is not there, or not readable, has no names. */
async function refNames(words: readonly string[]): Promise<string[]> {
  const { openWorkspace } = await import("./workspace.ts");
  const at = words.indexOf("--store");
  const flags: GlobalFlags = {
    logLevel: "info",
    ...(at >= 0 && words[at + 1] ? { store: words[at + 1]! } : {}),
  };
  try {
    await using workspace = await openWorkspace(flags, { create: "never", mode: "read" });
    return (await (await workspace.store()).refs.list()).map(({ name }) => name);
  } catch {
    return [];
  }
}
