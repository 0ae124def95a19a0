/** `tplgraph resume`: starts the machine of a snapshot, for a command or until Ctrl-C. */
import { type Command, InvalidArgumentError } from "commander";
import type { Artifact } from "../../engine/artifact.ts";
import { parseDuration } from "../../engine/template/duration.ts";
import type { Store } from "../../store/store.ts";
import { printable } from "../../views/text-width.ts";
import type { Action, Cli } from "../command.ts";
import { debugLog } from "../debug-log.ts";
import { disowningDamage } from "../disown-damage.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { type Interruption, listenForInterruption } from "../interruption.ts";
import { withStepContext } from "../step-surroundings.ts";
import { openWorkspace } from "../workspace.ts";

interface ResumeFlags {
  cold?: boolean;
  exec?: string;
  /** Milliseconds. */
  timeout: number;
}

export function define(command: Command, act: Action): void {
  command
    .argument("<ref>", "NAME[:TAG][#OUTPUT], sha256:DIGEST or RUN:OUTPUT")
    .option("--cold", "boots its disk instead of going on from its memory")
    .option("--exec <command>", "runs a command in it, prints its output and exits with its status")
    .option("--timeout <time>", "how long that command may take", duration, 10 * 60_000)
    .action(act(resume));
}

async function resume(cli: Cli, flags: ResumeFlags, ref: string): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags, { create: "if-shared" });
  const store = await workspace.store();
  const snapshot = await store.resolveRef(ref, { type: "snapshot" });
  using interruption = listenForInterruption({
    onFirst: () => terminal.err("interrupted: ending the machine"),
    onAgain: () => terminal.err("still ending the machine"),
  });
  return await failing(
    cli,
    () =>
      disowningDamage(store, async () => {
        const { parseManifest } = await import("../../vm/snapshot.ts");
        const manifest = parseManifest(await store.readBlob(snapshot.digest));
        return runMachine(cli, flags, { store, snapshot, manifest }, interruption);
      }),
    interruption,
  );
}

interface Resumed {
  store: Store;
  snapshot: Artifact;
  manifest: Parameters<typeof import("../../vm/resume.ts").resumeVm>[1];
}

async function runMachine(
  cli: Cli,
  flags: ResumeFlags,
  { store, snapshot, manifest }: Resumed,
  { signal }: Interruption,
): Promise<number> {
  const { terminal } = cli;
  const debug = await debugLog(cli.flags);
  const { resumeVm } = await import("../../vm/resume.ts");
  return withStepContext(
    { store, name: "resume", signal, uses: { artifacts: [snapshot] }, log: debug, tell: terminal.err },
    async (step) => {
      const onConsole =
        flags.exec === undefined ? (line: string) => terminal.out(printable(line)) : undefined;
      const vm = await resumeVm(step, manifest, {
        ...(flags.cold ? { cold: true } : {}),
        ...(onConsole ? { onConsole } : {}),
      });
      if (flags.exec !== undefined) {
        const { exitCode, stdout, stderr } = await vm.exec(flags.exec, { timeoutMs: flags.timeout, signal });
        process.stdout.write(stdout);
        process.stderr.write(stderr);
        return exitCode;
      }
      terminal.err(`the machine runs; Ctrl-C ends it. Commands in it: tplgraph resume … --exec COMMAND`);
      await Promise.race([vm.exited, aborted(signal)]);
      return signal.aborted ? EXIT.interrupted : EXIT.done;
    },
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("write a time as 90s, 10m or 1h30m");
  return ms;
}
