/** `tplgraph lock`: writes down what the mutable inputs of a template stand for now. */
import type { Command } from "commander";
import type { Lock, LockMove } from "../../engine/plan/lock.ts";
import { count } from "../../views/amounts.ts";
import { printable } from "../../views/text-width.ts";
import { addParamFlag, type ParamFlags } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { compileTemplate } from "../compile-template.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

interface LockFlags extends ParamFlags {
  refresh?: boolean;
}

export function define(command: Command, act: Action): void {
  addParamFlag(command.argument("<template>", "the template file"))
    .option("--refresh", "asks again what is remembered of mutable names")
    .action(act(lockTemplate));
}

async function lockTemplate(cli: Cli, flags: LockFlags, template: string): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags);
  const types = await workspace.types();
  const { graph, tell } = await compileTemplate(template, { flags, types, terminal });
  if (!graph) return EXIT.wrongInput;
  const { lockFileOf, lockFolder, readLock, writeLock } = await import("../lock-file.ts");
  const { movesBetween, notingPins } = await import("../../engine/plan/lock.ts");
  const { definitionsOf } = await import("../../engine/plan/definition.ts");
  const before = await readLock(template);
  const lock: Lock = { schema: "tplgraph.lock/1", refs: {}, names: {}, files: {} };
  const { maxAgeMs } = workspace.config;
  const { diagnostics } = await definitionsOf(graph, {
    store: await workspace.store(),
    types,
    now: Date.now,
    refresh: flags.refresh ?? false,
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    pins: notingPins(lock, before, { folder: lockFolder(template), template, now: new Date() }),
  });
  await tell(diagnostics);
  if (diagnostics.length > 0) return EXIT.wrongInput;
  await writeLock(template, lock);
  const moves = before ? movesBetween(before, lock) : [];
  if (cli.flags.json) terminal.out(JSON.stringify(lock, null, 2));
  else terminal.out([`${lockFileOf(template)}: ${contents(lock)}`, ...moves.map(moveLine)].join("\n"));
  return EXIT.done;
}

function contents({ refs, names, files }: Lock): string {
  const amount = (section: object) => Object.keys(section).length;
  return [count(amount(refs), "name"), count(amount(names), "look-up"), count(amount(files), "file")].join(
    ", ",
  );
}

function moveLine({ name, from, to }: LockMove): string {
  const shown = printable(name);
  if (from === undefined) return `  new: ${shown} ${to}`;
  return to === undefined ? `  gone: ${shown}` : `  moved: ${shown} ${from} → ${to}`;
}
