/**
 * The command line: which commands there are, what all of them take, and how they end. A command's module is loaded
 * only when its name was written, so that starting one costs nothing of the others.
 */
import { Command, CommanderError, Option } from "commander";
import type { Action, CommandModule, GlobalFlags } from "./command.ts";
import { exampleText } from "./examples.ts";
import { EXIT, statusOf } from "./exit-status.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { version } from "./version.ts";

interface Listed {
  name: string;
  summary: string;
  load(): Promise<CommandModule>;
}

const COMMANDS: readonly Listed[] = [
  { name: "run", summary: "plan, then build what is missing", load: () => import("./commands/run.ts") },
  { name: "plan", summary: "what a run would do, and why", load: () => import("./commands/plan.ts") },
  {
    name: "explain",
    summary: "why a step would run, or where its result came from",
    load: () => import("./commands/explain.ts"),
  },
  { name: "graph", summary: "draw the graph", load: () => import("./commands/graph.ts") },
  {
    name: "validate",
    summary: "compile templates, run nothing",
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "lock",
    summary: "write down what mutable inputs stand for",
    load: () => import("./commands/lock.ts"),
  },
  { name: "artifacts", summary: "what the store holds", load: () => import("./commands/artifacts.ts") },
  { name: "resume", summary: "start the machine of a snapshot", load: () => import("./commands/resume.ts") },
  { name: "serve", summary: "an image as an NBD socket", load: () => import("./commands/serve.ts") },
  { name: "mount", summary: "an image's files in a folder", load: () => import("./commands/mount.ts") },
  { name: "runs", summary: "past runs and their logs", load: () => import("./commands/runs.ts") },
  {
    name: "ui",
    summary: "runs as they go, and the store, in a browser",
    load: () => import("./commands/ui.ts"),
  },
  { name: "cleanup", summary: "release what dead runs left", load: () => import("./commands/cleanup.ts") },
  { name: "store", summary: "between this store and the remote", load: () => import("./commands/store.ts") },
  { name: "gc", summary: "delete what nothing needs", load: () => import("./commands/gc.ts") },
  { name: "plugins", summary: "step types with their ports", load: () => import("./commands/plugins.ts") },
  {
    name: "schema",
    summary: "JSON Schema of template files, for editors",
    load: () => import("./commands/schema.ts"),
  },
  {
    name: "doctor",
    summary: "what this machine can do and what is missing",
    load: () => import("./commands/doctor.ts"),
  },
];

/** Runs the command line `args` (without node and script) and returns the exit status. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const terminal = openTerminal();
  let status: number = EXIT.done;
  const act: Action = (run) =>
    async function (this: Command, ...given: unknown[]) {
      const flags = this.optsWithGlobals();
      const values = given.slice(0, -2);
      status = await run({ flags: flags as GlobalFlags, terminal }, flags as never, ...(values as never));
    };
  const completes = args[0] === "complete";
  const program = await defineProgram({ terminal, act, load: completes ? "all" : new Set(args) });
  try {
    if (completes) await (await import("./completion.ts")).addCompletion(program, args);
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongInput;
    return report(error, program.opts<GlobalFlags>(), terminal);
  }
}

/** `load`: which commands are given their options; the others are there by name alone. */
export async function defineProgram(options: {
  terminal: Terminal;
  act: Action;
  load: "all" | ReadonlySet<string>;
}): Promise<Command> {
  const { terminal, act, load: wanted } = options;
  const program = newProgram(terminal);
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary);
    if (wanted === "all" || wanted.has(name)) (await load()).define(command, act);
  }
  // With all of them it is made anew, from their options: see completion.ts.
  if (wanted !== "all") program.command("complete").description("what a shell loads to complete commands");
  settle(program);
  return program;
}

function newProgram(terminal: Terminal): Command {
  return new Command("tplgraph")
    .description("Builds VM templates from a graph of content-addressed steps.")
    .version(version(), "-V, --version")
    .option(
      "--store <folder>",
      "the store's folder (default: $TPLGRAPH_STORE, the config file, the user's cache folder)",
    )
    .option(
      "--config <file>",
      "the config file (default: tplgraph.config.json and the like, here or at the project's root)",
    )
    .addOption(
      new Option("--log-level <level>", "what is told beside progress")
        .choices(["info", "debug"])
        .default("info"),
    )
    .option("--json", "print data as JSON")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeErr: (text) => terminal.err(text.trimEnd()),
      writeOut: (text) => terminal.out(text.trimEnd()),
    });
}

/** What commander hands down only to commands that are made later, for all of them. `words`: the command's own. */
function settle(command: Command, words: readonly string[] = []): void {
  command.exitOverride();
  command.showHelpAfterError(false);
  command.showSuggestionAfterError(true);
  const examples = exampleText(words.join(" "));
  if (examples) command.addHelpText("after", examples);
  for (const inner of command.commands) settle(inner, [...words, inner.name()]);
}

async function report(error: unknown, flags: GlobalFlags, terminal: Terminal): Promise<number> {
  const { errorText } = await import("../views/error.ts");
  const { TplError } = await import("../engine/errors.ts");
  const detail = flags.logLevel === "debug" ? { detail: "stack" as const } : {};
  terminal.err(errorText(error, { paint: terminal.errPaint, ...detail }));
  return statusOf(error, error instanceof TplError ? EXIT.wrongInput : EXIT.failed);
}
