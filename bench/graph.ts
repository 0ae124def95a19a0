/**
 * The page of a graph of 1,000 steps: how long the whole command takes, and how smoothly the page moves in Chromium.
 * `npm run bench:graph`; dist/ must be built. Needs no root. Graphviz draws the same graph beside it, where the machine
 * has the command `dot`.
 *
 * --steps N   (1000)      --rounds N   of the command; the median is printed (7)
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium, type Page } from "playwright-core";

const project = resolve(import.meta.dirname, "..");
const command = join(project, "dist/cli/main.js");
const LAYER = 20;
const FRAMES = 180;

const { values: flags } = parseArgs({
  options: { steps: { type: "string", default: "1000" }, rounds: { type: "string", default: "7" } },
});

await bench(Number(flags.steps), Number(flags.rounds));

async function bench(steps: number, rounds: number): Promise<void> {
  if (!existsSync(command)) throw new Error("dist/ is not built: npm run build");
  const folder = await mkdtemp(join(tmpdir(), "tplgraph-bench-"));
  try {
    const lab = join(project, "test/cli/lab");
    await writeFile(join(folder, "tplgraph.config.json"), JSON.stringify({ plugins: [lab] }));
    await writeFile(join(folder, "graph.yaml"), layered(steps));
    const draw = (format: string) =>
      run(folder, ["graph", "graph.yaml", "--format", format, "-o", `graph.${format}`]);
    draw("html");
    console.log(
      `${steps} steps in layers of ${LAYER}, fan-in 3; Node ${process.versions.node}; ${rounds} rounds\n`,
    );
    for (const format of ["html", "svg"]) {
      const ms = Array.from({ length: rounds }, () => draw(format)).toSorted((a, b) => a - b);
      const { size } = await stat(join(folder, `graph.${format}`));
      console.log(
        `--format ${format}: ${seconds(ms[rounds >> 1]!)} s (least ${seconds(ms[0]!)}), ${(size / 1024).toFixed(0)} KiB`,
      );
    }
    draw("dot");
    tellDot(folder);
    await inBrowser(join(folder, "graph.html"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(folder: string, args: readonly string[]): number {
  const begun = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    [command, "--store", join(folder, "store"), ...args],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
  return performance.now() - begun;
}

function tellDot(folder: string): void {
  const begun = performance.now();
  const { error } = spawnSync("dot", ["-Tsvg", "-o", "dot.svg", "graph.dot"], { cwd: folder });
  const ms = performance.now() - begun;
  console.log(error ? "dot -Tsvg: not installed" : `dot -Tsvg of --format dot: ${seconds(ms)} s`);
}

async function inBrowser(file: string): Promise<void> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
    ],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const begun = performance.now();
    await page.goto(`file://${file}`);
    await page.waitForSelector("body.ready");
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    console.log(`\nopened and drawn in Chromium: ${seconds(performance.now() - begun)} s`);
    for (const [name, zoom] of [
      ["as it opens", undefined],
      ["at 1:1", "Actual size"],
      ["all in sight, then wide", "Fit the whole graph"],
    ] as const) {
      if (zoom) await page.getByRole("button", { name: zoom }).click();
      if (name.startsWith("all"))
        await page.getByRole("button", { name: "Zoom in" }).click({ clickCount: 4 });
      tellFrames(name, await panned(page));
    }
  } finally {
    await browser.close();
  }
}

/** Milliseconds between frames while the graph is moved by some pixels in every one of them. */
function panned(page: Page): Promise<number[]> {
  return page.evaluate(`new Promise((done) => {
    const canvas = document.querySelector(".canvas");
    canvas.scrollTo(0, 0);
    const times = [];
    let last = performance.now();
    const step = (now) => {
      times.push(now - last);
      last = now;
      canvas.scrollBy(24, 4);
      if (times.length < ${FRAMES}) requestAnimationFrame(step);
      else done(times.slice(2));
    };
    requestAnimationFrame(step);
  })`);
}

function tellFrames(name: string, ms: readonly number[]): void {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1);
  const late = ms.filter((time) => time > 34).length;
  console.log(
    `moved, ${name}: frames of ${at(0.5)} ms (95 % within ${at(0.95)}, longest ${at(1)}); ${late} of ${ms.length} late by a frame or more`,
  );
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function layered(count: number): string {
  const steps = Array.from({ length: count }, (_, i) => {
    if (i < LAYER) return `  s${i}: { uses: lab/say, with: { word: w${i} } }`;
    const layer = Math.floor(i / LAYER) - 1;
    const [a, b, c] = [0, 7, 11].map((shift) => layer * LAYER + ((i * 3 + shift) % LAYER));
    return `  s${i}: { uses: lab/say, with: { word: w${i}, after: "\${{ steps.s${a}.said }}" }, needs: [s${b}, s${c}] }`;
  });
  const last = Array.from({ length: LAYER }, (_, i) => `  o${i}: \${{ steps.s${count - 1 - i}.said }}`);
  return ["name: large", "steps:", ...steps, "outputs:", ...last, ""].join("\n");
}
