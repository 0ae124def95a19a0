/**
 * How long each step of the main job takes, beside the same step in a shell script, in the same run: `npm run build`,
 * then `node bench/main-job.ts`, as root. Every round begins with a store that has base.yaml's image alone, so that
 * no chunk of the job is there already. What it makes is removed, however it ends, except a store given by --store.
 *
 * --store FOLDER   the bench's own store, kept: base.yaml is built once in it
 * --rounds N       of the steps without a VM; their medians are printed (3)
 * --without-vm     leaves out the two steps that run a VM
 */
import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { withStepContext } from "../src/cli/step-surroundings.ts";
import { openStore } from "../src/store/store.ts";
import { exportedBase } from "./main-job/base-image.ts";
import { SEVEN_STEPS, sevenStepsByHand } from "./main-job/by-hand.ts";
import { type OurRun, project, runTemplate } from "./main-job/our-steps.ts";
import { provisioningTar } from "./main-job/provisioning-tar.ts";
import { vmStepsByHand } from "./main-job/vm-by-hand.ts";
import { inWorkFolder } from "./main-job/work-folder.ts";
import { median } from "./median.ts";

const run = promisify(execFile);
const DISK_MIB = 2048;
const DISK_SIZE = ["-p", `diskMiB=${DISK_MIB}`];
const GROW_STEPS = ["grown", "overlaid", "checked"];
const VM_STEPS = ["provisioned", "machine"];

type Seconds = ReadonlyMap<string, number>;

interface Round {
  ours: OurRun;
  grown: OurRun;
  byHand: Seconds;
}

const { values: flags } = parseArgs({
  options: {
    store: { type: "string" },
    rounds: { type: "string", default: "3" },
    "without-vm": { type: "boolean", default: false },
  },
});

if (process.geteuid!() !== 0) throw new Error("mounting needs root");
await inWorkFolder(bench);

async function bench(work: string, signal: AbortSignal): Promise<void> {
  const baseStore = resolve(flags.store ?? join(work, "store"));
  tell("base.yaml");
  const base = await exportedBase(baseStore, work);
  const tar = await provisioningTar(work);

  const rounds: Round[] = [];
  for (let round = 1; round <= Number(flags.rounds); round++) {
    signal.throwIfAborted();
    tell(`round ${round}`);
    rounds.push(await oneRound(join(work, `round-${round}`), baseStore, base, tar));
  }
  const vm = flags["without-vm"] ? undefined : await vmSteps(join(work, `round-${rounds.length}`), signal);
  print(rounds, vm);
}

/** Leaves its store and its disk in `folder`, for the steps that follow. */
async function oneRound(folder: string, baseStore: string, base: string, tar: string): Promise<Round> {
  const { store, byHandFolder } = inRound(folder);
  await cp(baseStore, store, { recursive: true });
  await run("sync");
  const ours = await runTemplate("python.yaml", store, [...DISK_SIZE, "--target", "checked"]);
  await run("sync");
  const byHand = await sevenStepsByHand({
    ...{ base, tar, sizeMiB: DISK_MIB, folder: byHandFolder },
    source: "raw",
  });
  await run("sync");
  const grown = await runTemplate("grow.yaml", store, [...DISK_SIZE, "--target", "checked"]);
  return { ours, grown, byHand };
}

function inRound(folder: string): { store: string; byHandFolder: string } {
  return { store: join(folder, "store"), byHandFolder: join(folder, "by-hand") };
}

/** Once each: they take long, and most of that is the guest's own time. */
async function vmSteps(round: string, signal: AbortSignal): Promise<{ ours: OurRun; byHand: Seconds }> {
  tell("the steps with a VM, ours");
  const { store, byHandFolder: folder } = inRound(round);
  const ours = await runTemplate("python.yaml", store, DISK_SIZE);
  tell("the steps with a VM, by hand");
  await using opened = await openStore({ path: store });
  const byHand = await withStepContext(
    { store: opened, name: "by-hand", signal, log: () => {}, tell },
    (step) =>
      vmStepsByHand(step, {
        disk: join(folder, "root.ext4"),
        folder,
        script: join(project, "templates/provision.sh"),
      }),
  );
  return { ours, byHand };
}

function print(rounds: readonly Round[], vm: { ours: OurRun; byHand: Seconds } | undefined): void {
  const ours = medians(rounds.map((round) => round.ours.seconds));
  const byHand = medians(rounds.map((round) => round.byHand));
  const grown = medians(rounds.map((round) => round.grown.seconds));
  const sevenByHand = sum(byHand, SEVEN_STEPS);
  const command = median(rounds.map((round) => round.ours.commandSeconds));
  const growCommand = median(rounds.map((round) => round.grown.commandSeconds));
  const lines = [
    `${cpus().length} processors, ${rounds.length} rounds, ${DISK_MIB} MiB`,
    "",
    "| step | tplgraph, s | by hand, s | ratio |",
    "| --- | ---: | ---: | ---: |",
    ...SEVEN_STEPS.map((step) => row(step, ours.get(step)!, byHand.get(step)!)),
    row("the seven", sum(ours, SEVEN_STEPS), sevenByHand),
    row("the seven, as a command", command, sevenByHand),
    ...(vm ? VM_STEPS.map((step) => row(step, vm.ours.seconds.get(step)!, vm.byHand.get(step)!)) : []),
    "",
    "| grown in place | tplgraph, s | the seven by hand, s | ratio |",
    "| --- | ---: | ---: | ---: |",
    ...GROW_STEPS.map((step) => `| ${step} | ${grown.get(step)!.toFixed(2)} | | |`),
    row("the three", sum(grown, GROW_STEPS), sevenByHand),
    row("the three, as a command", growCommand, sevenByHand),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function row(name: string, ours: number, byHand: number): string {
  return `| ${name} | ${ours.toFixed(2)} | ${byHand.toFixed(2)} | ${(ours / byHand).toFixed(1)} |`;
}

function medians(all: readonly Seconds[]): Seconds {
  const steps = [...all[0]!.keys()];
  return new Map(steps.map((step) => [step, median(all.map((one) => one.get(step)!))]));
}

function sum(seconds: Seconds, steps: readonly string[]): number {
  return steps.reduce((total, step) => total + seconds.get(step)!, 0);
}

function tell(what: string): void {
  process.stderr.write(`${what}\n`);
}
