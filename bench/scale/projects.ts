/** The same graph as a project of each tool, ready so that nothing is to be done, and the command that finds that out. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Dag, ends } from "./shapes.ts";

export interface Project {
  command: string;
  args: string[];
  cwd: string;
  env?: Record<string, string>;
}

const TURBO = "2.11.11";
const WIREIT = "0.14.13";

const root = resolve(import.meta.dirname, "../..");
const tplgraph = join(root, "dist/cli/main.js");

type MakeProject = (dag: Dag, folder: string) => Project;

export const PROJECTS: Readonly<Record<string, { make: MakeProject; maxNodes: number }>> = {
  tplgraph: { make: tplgraphProject, maxNodes: 1_000_000 },
  ninja: { make: ninjaProject, maxNodes: 10_000 },
  make: { make: makeProject, maxNodes: 100_000 },
  // Filling their caches starts npm for every node.
  turbo: { make: turboProject, maxNodes: 100_000 },
  wireit: { make: wireitProject, maxNodes: 100_000 },
};

export function tplgraphProject(dag: Dag, folder: string): Project {
  const project = tplgraphTemplate(dag, folder);
  notYoung();
  run(project);
  return project;
}

/** A template that was written within two seconds is not kept compiled. */
export function notYoung(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
}

/** The template and its configuration; the store is empty. */
export function tplgraphTemplate(dag: Dag, folder: string): Project {
  mkdirSync(folder, { recursive: true });
  const config = { plugins: [join(import.meta.dirname, "plugin.ts")], store: "./store" };
  writeFileSync(join(folder, "tplgraph.config.json"), JSON.stringify(config));
  const lines = ["name: dag", "steps:"];
  for (const [node, needs] of dag.entries()) {
    lines.push(`  n${node}:`, "    uses: noop/step", "    with:", `      number: ${node}`);
    for (const [place, need] of needs.slice(0, 3).entries())
      lines.push(`      ${"abc"[place]}: \${{ steps.n${need}.number }}`);
    if (needs.length > 3)
      lines.push(
        `    needs: [${needs
          .slice(3)
          .map((need) => `n${need}`)
          .join(", ")}]`,
      );
  }
  lines.push("outputs:", ...ends(dag).map((node) => `  n${node}: \${{ steps.n${node}.number }}`));
  writeFileSync(join(folder, "dag.yaml"), `${lines.join("\n")}\n`);
  return { command: process.execPath, args: [tplgraph, "run", "dag.yaml"], cwd: folder };
}

function ninjaProject(dag: Dag, folder: string): Project {
  mkdirSync(folder, { recursive: true });
  const rules = dag.map((needs, node) => `build n${node}: t ${needs.map((need) => `n${need}`).join(" ")}`);
  writeFileSync(join(folder, "build.ninja"), `rule t\n  command = touch $out\n${rules.join("\n")}\n`);
  const project = { command: "ninja", args: [], cwd: folder };
  run(project);
  return project;
}

function makeProject(dag: Dag, folder: string): Project {
  mkdirSync(folder, { recursive: true });
  const rules = dag.map(
    (needs, node) => `n${node}: ${needs.map((need) => `n${need}`).join(" ")}\n\ttouch $@`,
  );
  const all = `all: ${ends(dag)
    .map((node) => `n${node}`)
    .join(" ")}`;
  writeFileSync(join(folder, "Makefile"), `MAKEFLAGS += -r\n${all}\n${rules.join("\n")}\n`);
  // As if made one after the other.
  for (const node of dag.keys()) {
    writeFileSync(join(folder, `n${node}`), "");
    utimesSync(join(folder, `n${node}`), 1_700_000_000 + node, 1_700_000_000 + node);
  }
  return { command: "make", args: ["-s"], cwd: folder };
}

function turboProject(dag: Dag, folder: string): Project {
  mkdirSync(folder, { recursive: true });
  const tasks: Record<string, object> = {};
  for (const [node, needs] of dag.entries())
    tasks[`n${node}`] = { dependsOn: needs.map((need) => `n${need}`), inputs: ["turbo.json"], outputs: [] };
  const scripts = Object.fromEntries(dag.map((_, node) => [`n${node}`, "true"]));
  write(folder, "package.json", { name: "dag", packageManager: "npm@11.0.0", scripts });
  write(folder, "package-lock.json", { name: "dag", lockfileVersion: 3, packages: { "": { name: "dag" } } });
  write(folder, "turbo.json", { tasks });
  const args = ["run", ...ends(dag).map((node) => `n${node}`), "--no-update-notifier", "--output-logs=none"];
  const command = join(installed("turbo", TURBO), "node_modules/.bin/turbo");
  const project = { command, args, cwd: folder, env: { TURBO_TELEMETRY_DISABLED: "1" } };
  run(project);
  return project;
}

function wireitProject(dag: Dag, folder: string): Project {
  mkdirSync(folder, { recursive: true });
  const wireit: Record<string, object> = {};
  for (const [node, needs] of dag.entries())
    wireit[`n${node}`] = {
      command: "true",
      dependencies: needs.map((need) => `n${need}`),
      files: [],
      output: [],
    };
  wireit.all = { dependencies: ends(dag).map((node) => `n${node}`) };
  const scripts = Object.fromEntries(Object.keys(wireit).map((name) => [name, "wireit"]));
  write(folder, "package.json", { name: "dag", scripts, wireit });
  symlinkSync(join(installed("wireit", WIREIT), "node_modules"), join(folder, "node_modules"));
  const project = { command: "npm", args: ["run", "--silent", "all"], cwd: folder };
  run(project);
  return project;
}

/** A folder with the package installed, kept between benches beside the system's temporary files. */
function installed(name: string, version: string): string {
  const folder = `/var/tmp/tplgraph-bench/${name}-${version}`;
  mkdirSync(folder, { recursive: true });
  write(folder, "package.json", { name: "bench", private: true });
  const args = ["install", "--no-audit", "--no-fund", "--prefer-offline", `${name}@${version}`];
  execFileSync("npm", args, { cwd: folder, stdio: "ignore" });
  return folder;
}

function run({ command, args, cwd, env }: Project): void {
  execFileSync(command, args, {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
    maxBuffer: 2 ** 30,
    env: { ...process.env, ...env },
  });
}

function write(folder: string, name: string, content: object): void {
  writeFileSync(join(folder, name), JSON.stringify(content));
}
