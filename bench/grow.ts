/**
 * The whole of `tplgraph run templates/grow.yaml --target checked` with only the size changed, beside the seven steps
 * by hand on the same source: `npm run build`, then `node bench/grow.ts`, as root. In each round every way has its
 * turn at each size; ours begins with a store that has base.yaml alone. By hand the source is once served over NBD, as
 * the job has it, and once mounted from its file. What it makes is removed, however it ends, except a store given by
 * --store.
 *
 * --store FOLDER   the bench's own store, kept: base.yaml is built once in it
 * --rounds N       medians are printed (5)
 * --sizes A,B      of the disk, in MiB (2048,10240)
 */
import { execFile } from "node:child_process";
import { cp, rm } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { exportedBase } from "./main-job/base-image.ts";
import { sevenStepsByHand } from "./main-job/by-hand.ts";
import { runTemplate } from "./main-job/our-steps.ts";
import { provisioningTar } from "./main-job/provisioning-tar.ts";
import { inWorkFolder } from "./main-job/work-folder.ts";
import { median } from "./median.ts";

const run = promisify(execFile);
const STEPS = ["grown", "overlaid", "checked"];
const MIB = 1024 * 1024;

const { values: flags } = parseArgs({
  options: {
    store: { type: "string" },
    rounds: { type: "string", default: "5" },
    sizes: { type: "string", default: "2048,10240" },
  },
});

interface Measured {
  ours: number;
  /** Of ours, by step. */
  steps: ReadonlyMap<string, number>;
  addedBytes: number;
  nbd: number;
  raw: number;
}

interface Source {
  store: string;
  base: string;
  tar: string;
}

if (process.geteuid!() !== 0) throw new Error("mounting needs root");
await inWorkFolder(async (work, signal) => {
  const store = resolve(flags.store ?? join(work, "store"));
  const base = await exportedBase(store, work);
  const source = { store, base, tar: await provisioningTar(work) };
  const sizes = flags.sizes.split(",").map(Number);
  const measured = new Map(sizes.map((size) => [size, [] as Measured[]]));
  const loadBefore = loadavg()[0]!;
  for (let round = 1; round <= Number(flags.rounds); round++)
    for (const size of sizes) {
      signal.throwIfAborted();
      process.stderr.write(`round ${round}, ${size} MiB\n`);
      measured.get(size)!.push(await oneRound(join(work, `round-${round}-${size}`), source, size));
    }
  const loads = [loadBefore, loadavg()[0]!].map((load) => load.toFixed(1));
  console.log(`${cpus().length} processors, ${flags.rounds} rounds, load average ${loads.join(" to ")}`);
  print(measured);
});

async function oneRound(folder: string, { store, base, tar }: Source, sizeMiB: number): Promise<Measured> {
  const ownStore = join(folder, "store");
  await cp(store, ownStore, { recursive: true });
  await run("sync");
  const before = await diskBytes(ownStore);
  const args = ["-p", `diskMiB=${sizeMiB}`, "--target", "checked"];
  const { commandSeconds: ours, seconds: steps } = await runTemplate("grow.yaml", ownStore, args);
  for (const step of STEPS)
    if (!steps.has(step)) throw new Error(`${store} has step ${step} at ${sizeMiB} MiB already`);
  const addedBytes = (await diskBytes(ownStore)) - before;
  const byHand = async (source: "nbd" | "raw") => {
    await run("sync");
    const made = join(folder, source);
    const seconds = await sevenStepsByHand({ base, tar, sizeMiB, folder: made, source });
    await rm(join(made, "root.ext4"));
    return [...seconds.values()].reduce((total, step) => total + step, 0);
  };
  return { ours, steps, addedBytes, nbd: await byHand("nbd"), raw: await byHand("raw") };
}

/** What the files of a folder take on the disk. */
async function diskBytes(folder: string): Promise<number> {
  const { stdout } = await run("du", ["--summarize", "--block-size=1", folder]);
  return Number.parseInt(stdout, 10);
}

function print(measured: ReadonlyMap<number, readonly Measured[]>): void {
  const ways = ["tplgraph, s", "by hand over NBD, s", "ratio", "by hand from a file, s", "ratio"];
  table(["MiB", ...ways, "added, MiB"], measured, (rounds) => {
    const [ours, nbd, raw] = (["ours", "nbd", "raw"] as const).map((way) =>
      median(rounds.map((one) => one[way])),
    );
    const added = median(rounds.map((one) => one.addedBytes)) / MIB;
    return [ours!, nbd!, ours! / nbd!, raw!, ours! / raw!, added];
  });
  table(["MiB", ...STEPS.map((step) => `${step}, s`), "the rest of the command, s"], measured, (rounds) => [
    ...STEPS.map((step) => median(rounds.map((one) => one.steps.get(step)!))),
    median(rounds.map((one) => one.ours - STEPS.reduce((sum, step) => sum + one.steps.get(step)!, 0))),
  ]);
}

/** Markdown. A row for each size: `columnsOf` its rounds. */
function table(
  head: readonly string[],
  measured: ReadonlyMap<number, readonly Measured[]>,
  columnsOf: (rounds: readonly Measured[]) => number[],
): void {
  console.log(`\n| ${head.join(" | ")} |\n|${" ---: |".repeat(head.length)}`);
  for (const [size, rounds] of measured) {
    const columns = columnsOf(rounds).map((value) => value.toFixed(2));
    console.log(`| ${[size, ...columns].join(" | ")} |`);
  }
}
