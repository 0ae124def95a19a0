/**
 * What a run costs in which everything is cached, beside `node -e 0`, in the same minute: `npm run bench:cached-run`.
 * It builds nothing: dist/ must be built and the store must hold the whole template; what is missing is said with the
 * command that makes it. Needs no root. Every run leaves its record in the store, as any run does.
 *
 * --store FOLDER   default: as the command finds it ($TPLGRAPH_STORE, the configuration, the user's cache folder)
 * --rounds N       of one start of each; their medians are printed (30)
 * TEMPLATE         default: templates/python.yaml
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const project = resolve(import.meta.dirname, "..");
const command = join(project, "dist/cli/main.js");

/** The first starts fill Node's cache of compiled code and the system's of files. */
const WARM_UP_ROUNDS = 3;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { store: { type: "string" }, rounds: { type: "string", default: "30" } },
});

bench(positionals[0] ?? join(project, "templates/python.yaml"), Number(flags.rounds));

function bench(template: string, rounds: number): void {
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds must be a whole number from 1");
  const store = flags.store === undefined ? [] : ["--store", resolve(flags.store)];
  const cached = [command, ...store, "run", template];
  const steps = cachedSteps(template, store, cached);
  const empty = ["-e", "0"];
  const emptyMs: number[] = [];
  const cachedMs: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const [one, other] = [timeMs(empty), timeMs(cached)];
    if (round < 0) continue;
    emptyMs.push(one);
    cachedMs.push(other);
  }
  console.log(`${template}: ${steps} cached steps, ${rounds} rounds, Node ${process.versions.node}\n`);
  console.log("                 median    least");
  console.log(`node -e 0     ${figures(emptyMs)}`);
  console.log(`tplgraph run  ${figures(cachedMs)}`);
  const [base, run] = [median(emptyMs), median(cachedMs)];
  console.log(
    `\n${(run - base).toFixed(0)} ms more (aim: at most 150), ${(run / base).toFixed(1)} times as long`,
  );
}

/** How many steps are found cached. Ends the process where one is not: then the run would build. */
function cachedSteps(template: string, store: readonly string[], cached: readonly string[]): number {
  if (!existsSync(command)) fail("dist/ is not built: npm run build");
  const planned = node([command, ...store, "plan", template, "--format", "json"]);
  if (planned.status !== 0) fail(planned.stderr);
  const { summary } = JSON.parse(planned.stdout) as { summary: Record<"hit" | "miss" | "pending", number> };
  const missing = summary.miss + summary.pending;
  if (missing > 0)
    fail(`${missing} steps are not cached. Build them first, as root:\n  node ${cached.join(" ")}`);
  return summary.hit;
}

function timeMs(args: readonly string[]): number {
  const begun = performance.now();
  const { status, stderr } = node(args);
  const ms = performance.now() - begun;
  if (status !== 0) fail(stderr);
  return ms;
}

function node(args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function figures(ms: readonly number[]): string {
  return [median(ms), Math.min(...ms)].map((value) => `${value.toFixed(0).padStart(6)} ms`).join("");
}

function median(ms: readonly number[]): number {
  const sorted = ms.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function fail(message: string): never {
  console.error(message.trimEnd());
  process.exit(2);
}
