/** `tplgraph run`: plans, builds what is missing, and tells what came of it. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { TplError } from "../../engine/errors.ts";
import type { Plan } from "../../engine/plan/plan.ts";
import { nodesMeant } from "../../engine/plan/targets.ts";
import { describeAcquisition } from "../../engine/run/journal.ts";
import type { RunRecord } from "../../engine/run/record.ts";
import { parseDuration } from "../../engine/template/duration.ts";
import type { Store } from "../../store/store.ts";
import { watchActivity } from "../activity.ts";
import { addPlanFlags, append, type BuildFlags, positiveInteger } from "../build-flags.ts";
import type { Action, Cli } from "../command.ts";
import { debugLog } from "../debug-log.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { listenForInterruption } from "../interruption.ts";
import { holdOnError, type OnError } from "../on-error.ts";
import { type PlannedTemplate, planTemplate } from "../plan-template.ts";
import { type ProgressMode, progressMode, showProgress } from "../progress.ts";
import { tellTrouble } from "../remote-trouble.ts";
import { reportRun } from "../run-report.ts";
import { openWorkspace, type Workspace } from "../workspace.ts";

interface RunFlags extends BuildFlags {
  jobs?: number;
  onError: OnError;
  progress: "auto" | ProgressMode;
  tag?: string[];
  result?: string;
  /** Milliseconds. */
  timeout?: number;
  dryRun?: boolean;
  /** True: every step; a list: these. */
  verify?: true | string[];
}

export function define(command: Command, act: Action): void {
  // Not required by commander, which gives a template that follows --verify to that.
  addPlanFlags(command.argument("[template]", "the template file").usage("[options] <template>"))
    .option("--jobs <count>", "how many steps run at a time (default: one a processor)", positiveInteger)
    .addOption(
      new Option("--on-error <what>", "with what a failed step holds")
        .choices(["cleanup", "keep", "shell"])
        .default("cleanup"),
    )
    .addOption(
      new Option("--progress <form>", "how progress is shown")
        .choices(["auto", "tty", "plain", "json"])
        .default("auto"),
    )
    .option("--tag <name>", "names the result (default: TEMPLATE:latest); may be repeated", append)
    .option("--result <file>", "writes the run's record to a file, as JSON")
    .option("--timeout <time>", "gives up after this long: 90s, 10m, 1h30m", duration)
    .option("--dry-run", "prints the plan instead")
    .option("--verify [steps...]", "builds these steps (default: all) once more and compares the bytes")
    .action(act(run));
}

async function run(cli: Cli, given: RunFlags, argument: string | undefined): Promise<number> {
  const { template, flags } = templateOf(argument, given);
  if (flags.dryRun) {
    const { printPlan } = await import("./plan.ts");
    return printPlan(cli, { ...flags, format: "table" }, template);
  }
  await checkFlags(flags);
  await using workspace = await openWorkspace(cli.flags);
  const planned = await planTemplate(template, workspace, flags, cli);
  if (!planned) return EXIT.wrongInput;
  const { plan, store } = planned;
  // Programs read it in the plan's reasons.
  if (flags.progress !== "json") tellTrouble(store, cli);
  if (Array.isArray(flags.verify)) nodesMeant(plan.graph, flags.verify);
  const hasWork = plan.summary.miss + plan.summary.pending > 0;
  if (hasWork) await prepareToBuild(store, cli);
  const jobs = flags.jobs ?? workspace.config.jobs;
  return await failing(cli, async () => {
    const { upload } = workspace.config;
    const { record, interrupted } = await build(planned, cli, {
      ...flags,
      ...(jobs ? { jobs } : {}),
      ...(upload ? { upload } : {}),
    });
    await reportRun(record, { plan, store, cli, mode: progressMode(flags.progress, cli.terminal) });
    if (flags.result !== undefined) await writeResult(flags.result, record);
    const status = exitStatus(record, interrupted);
    const isThere = !upload || (record.upload?.ok ?? true);
    if (status === EXIT.done && record.counts.built > 0 && isThere) await store.sharing?.trim();
    if (flags.verify === undefined || status !== EXIT.done) return status;
    return await verify(template, workspace, cli, flags);
  });
}

/** `run --verify t.yaml`, with or without steps, means what `run t.yaml --verify` does. */
function templateOf(argument: string | undefined, flags: RunFlags): { template: string; flags: RunFlags } {
  if (argument !== undefined) return { template: argument, flags };
  const words = Array.isArray(flags.verify) ? flags.verify : [];
  const template = words.find((word) => /\.ya?ml$/.test(word));
  if (template === undefined)
    throw new TplError({
      code: "wrong-usage",
      message: "missing required argument 'template'",
      hint: "tplgraph run TEMPLATE, a file such as templates/python.yaml",
    });
  const steps = words.filter((word) => word !== template);
  return { template, flags: { ...flags, verify: steps.length === 0 ? true : steps } };
}

/** The plan is made anew: all of it is there now. */
async function verify(
  template: string,
  workspace: Workspace,
  cli: Cli,
  { verify, force: _, refresh: __, ...flags }: RunFlags,
): Promise<number> {
  const planned = await planTemplate(template, workspace, flags, cli);
  if (!planned) return EXIT.wrongInput;
  const { verifyRun } = await import("../verify-run.ts");
  return await verifyRun(cli, planned, verify === true ? [] : verify!);
}

async function writeResult(path: string, record: RunRecord): Promise<void> {
  const { writeFileAtomically } = await import("../write-file.ts");
  await writeFileAtomically(path, `${JSON.stringify(record, null, 2)}\n`);
}

function exitStatus(record: RunRecord, interrupted: boolean): number {
  if (interrupted && !record.ok) return EXIT.interrupted;
  if (!record.ok) return EXIT.failed;
  // An upload that failed is no failed build, but one that was ended is not done.
  if (interrupted && record.upload?.ok === false) return EXIT.interrupted;
  return record.cleanup.failed.length > 0 ? EXIT.notReleased : EXIT.done;
}

/** What would go wrong only after an hour of building. */
async function checkFlags({ result, tag }: RunFlags): Promise<void> {
  if (result !== undefined && !existsSync(dirname(resolve(result))))
    throw new TplError({
      code: "no-such-folder",
      message: `the folder of --result ${result} is not there`,
      hint: "make it first",
    });
  if (!tag) return;
  const { parseRefName } = await import("../../store/refs/grammar.ts");
  for (const name of tag) parseRefName(name);
}

/** Only where something is to be built: a cached run needs no rights and starts nothing. */
async function prepareToBuild(store: Store, { terminal }: Cli): Promise<void> {
  if (store.readOnly) {
    const { readOnlyStore } = await import("../../store/fault.ts");
    throw readOnlyStore(store.path);
  }
  const { cleanupDeadRuns } = await import("../../image/cleanup.ts");
  const { runs } = await cleanupDeadRuns(store.path);
  for (const { run: dead, fate } of runs)
    if (fate === "released") terminal.err(`released what the dead run ${dead} had left`);
    else if (fate === "failed")
      terminal.err(`run ${dead} has left things that cannot be released: tplgraph cleanup tells`);
}

async function build(
  { plan, options }: PlannedTemplate,
  cli: Cli,
  flags: RunFlags & { upload?: true },
): Promise<{ record: RunRecord; interrupted: boolean }> {
  const { executePlan } = await import("../../engine/run/execute.ts");
  const { terminal } = cli;
  const activity = watchActivity();
  const debug = await debugLog(cli.flags);
  using progress = await showProgress(progressMode(flags.progress, terminal), terminal);
  using interruption = listenForInterruption({
    onFirst: () => progress.note("interrupted: stopping what runs, then cleaning up"),
    onAgain: () => progress.note(`still cleaning up: ${waitingFor(activity)}`),
  });
  using deadline = deadlineAfter(flags.timeout, () =>
    progress.note("--timeout has passed: stopping what runs"),
  );
  const signal = AbortSignal.any([interruption.signal, deadline.signal]);
  const onError = holdOnError(flags.onError, { activity, progress, terminal, signal });
  const store = options.store as Store;
  const record = await executePlan(plan, {
    ...options,
    async startServices(run) {
      const { runServices } = await import("../../run-services.ts");
      return runServices(store, (line) => debug(line, { from: "disk host" }))(run);
    },
    signal,
    tags: tagsOf(plan, flags),
    ...(flags.upload && {
      upload: async (built, onProgress) => {
        const { uploadAfter } = await import("../upload.ts");
        return uploadAfter(built, store, { signal: interruption.signal, onProgress });
      },
    }),
    ...(flags.jobs ? { jobs: flags.jobs } : {}),
    ...(onError ? { onError } : {}),
    host: (await import("node:os")).hostname(),
    onEvent(event) {
      activity.onEvent(event);
      progress.onEvent(event);
    },
  });
  return { record, interrupted: interruption.happened };
}

function waitingFor({ running, held }: ReturnType<typeof watchActivity>): string {
  const waiting = [...running().map((node) => `step ${node}`), ...held().map(describeAcquisition)];
  return waiting.slice(0, 5).join(", ") || "the disk host";
}

/** A part of the outputs is not the template: only a whole build is named by itself. */
function tagsOf({ graph }: Plan, { tag, target }: RunFlags): string[] {
  if (tag) return tag.map((name) => (name.includes(":") ? name : `${name}:latest`));
  return target ? [] : [`${graph.template.name.toLowerCase()}:latest`];
}

function deadlineAfter(
  timeoutMs: number | undefined,
  onPassed: () => void,
): Disposable & { signal: AbortSignal } {
  const abort = new AbortController();
  const pass = () => {
    onPassed();
    abort.abort(new Error("timeout"));
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(pass, timeoutMs);
  return { signal: abort.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("write a time as 90s, 10m or 1h30m");
  return ms;
}
