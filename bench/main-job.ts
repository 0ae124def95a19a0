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
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { withStepContext } from "../src/cli/step-surroundings.ts";
import { openStore } from "../src/store/store.ts";
import { type OurRun, project, runTemplate, tplgraph } from "./main-job/our-steps.ts";
import { provisioningTar } from "./main-job/provisioning-tar.ts";
import { vmStepsByHand } from "./main-job/vm-by-hand.ts";

const run = promisify(execFile);
const DISK_MIB = 2048;
const DISK_SIZE = ["-p", `diskMiB=${DISK_MIB}`];
const SEVEN_STEPS = ["source", "disk", "files", "overlaid", "shrunk", "resized", "checked"];
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
const work = await mkdtemp("/var/tmp/tplgraph-bench-");
await spreadFolders(work);
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
try {
  await bench();
} finally {
  await rm(work, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const baseStore = resolve(flags.store ?? join(work, "store"));
  await mkdir(baseStore, { recursive: true });
  tell("base.yaml");
  const { record } = await runTemplate("base.yaml", baseStore, []);
  const base = join(work, "base.ext4");
  await tplgraph(["artifacts", "export", record.outputs.rootfs!.digest, "-o", base, "--store", baseStore]);
  const tar = await provisioningTar(work);

  const rounds: Round[] = [];
  for (let round = 1; round <= Number(flags.rounds); round++) {
    interrupted.signal.throwIfAborted();
    tell(`round ${round}`);
    rounds.push(await oneRound(join(work, `round-${round}`), baseStore, base, tar));
  }
  const vm = flags["without-vm"] ? undefined : await vmSteps(join(work, `round-${rounds.length}`));
  print(rounds, vm);
}

/**
 * A new file is slow to make where many were deleted in the last five minutes: ext4 looks for an inode that is not
 * among those (`recently_deleted`, fs/ext4/ialloc.c). So a round's files stay until the end, and each round has block
 * groups of its own, and others than the bench before: that is what attribute T asks for (chattr(1)).
 */
async function spreadFolders(folder: string): Promise<void> {
  const { stdout } = await run("stat", ["-f", "-c", "%T", folder]);
  if (stdout.trim() === "ext2/ext3") await run("chattr", ["+T", folder]);
}

/** Leaves its store and its disk in `folder`, for the steps that follow. */
async function oneRound(folder: string, baseStore: string, base: string, tar: string): Promise<Round> {
  const { store, byHandFolder } = inRound(folder);
  await mkdir(byHandFolder, { recursive: true });
  await cp(baseStore, store, { recursive: true });
  await run("sync");
  const ours = await runTemplate("python.yaml", store, [...DISK_SIZE, "--target", "checked"]);
  await run("sync");
  const byHand = await sevenStepsByHand(base, tar, byHandFolder);
  await run("sync");
  const grown = await runTemplate("grow.yaml", store, [...DISK_SIZE, "--target", "checked"]);
  return { ours, grown, byHand };
}

function inRound(folder: string): { store: string; byHandFolder: string } {
  return { store: join(folder, "store"), byHandFolder: join(folder, "by-hand") };
}

async function sevenStepsByHand(base: string, tar: string, folder: string): Promise<Seconds> {
  const script = join(project, "bench/main-job/by-hand.sh");
  const { stdout } = await run("sh", [script, base, tar, String(DISK_MIB), folder], { maxBuffer: 2 ** 26 });
  const lines = stdout.trim().split("\n");
  return new Map(lines.map((line) => [line.split(" ")[0]!, Number(line.split(" ")[1]) / 1000]));
}

/** Once each: they take long, and most of that is the guest's own time. */
async function vmSteps(round: string): Promise<{ ours: OurRun; byHand: Seconds }> {
  tell("the steps with a VM, ours");
  const { store, byHandFolder: folder } = inRound(round);
  const ours = await runTemplate("python.yaml", store, DISK_SIZE);
  tell("the steps with a VM, by hand");
  await using opened = await openStore({ path: store });
  const { signal } = interrupted;
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function sum(seconds: Seconds, steps: readonly string[]): number {
  return steps.reduce((total, step) => total + seconds.get(step)!, 0);
}

function tell(what: string): void {
  process.stderr.write(`${what}\n`);
}
