/**
 * Runs the command from its sources in a folder of its own, with a store there and the plugin `lab` configured. What is
 * put into the folder's `bin` is on PATH.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const lab = join(import.meta.dirname, "lab");

export interface Result {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface Bench extends AsyncDisposable {
  folder: string;
  /** Where the plugin `lab` is. */
  lab: string;
  /** Writes a file into the folder. */
  write(name: string, text: string): Promise<void>;
  run(...args: string[]): Promise<Result>;
  /** As `run`; `onError` sees stderr as it comes; it and `onStart` can signal the process. */
  watch(
    args: string[],
    onError: (text: string, kill: (signal: NodeJS.Signals) => void) => void,
    onStart?: (kill: (signal: NodeJS.Signals) => void) => void,
  ): Promise<Result>;
}

export async function bench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "tplgraph-cli-"));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write("tplgraph.config.json", JSON.stringify({ plugins: [lab] }));
  const watch: Bench["watch"] = (args, onError, onStart) =>
    new Promise((resolve, reject) => {
      const { TPLGRAPH_STORE: _, ...env } = process.env;
      const child = spawn(process.execPath, [main, "--store", join(folder, "store"), ...args], {
        cwd: folder,
        env: { ...env, CI: "true", PATH: `${join(folder, "bin")}:${env.PATH}` },
        stdio: ["ignore", "pipe", "pipe"],
      });
      onStart?.((signal) => child.kill(signal));
      const result = { stdout: "", stderr: "" };
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        result.stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        result.stderr += text;
        onError(result.stderr, (signal) => child.kill(signal));
      });
      child.on("error", reject);
      child.on("close", (exitCode) => resolve({ exitCode, ...result }));
    });
  return {
    folder,
    lab,
    write,
    watch,
    run: (...args) => watch(args, () => {}),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
