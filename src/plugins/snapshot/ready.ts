/**
 * When a machine is ready to be paused: systemd has started everything, and then what the template waits for is
 * true: a command in the guest succeeds, or a line is in the start command's log.
 */
import { ToolError } from "../../engine/errors.ts";
import type { Agent, ExecResult } from "../../vm/agent.ts";

export type Ready = { command: string } | { log: string };

/** Where the start command's output goes in the guest. */
export const START_LOG = "/var/log/tplgraph-start.log";

/**
 * A degraded system runs, with units that failed: what they matter is for the template's own condition to say.
 * Where something else than systemd is the init, a guest agent that answers is all there is to wait for.
 */
export const SYSTEM_RUNNING: Ready = {
  command:
    '[ -d /run/systemd/system ] || exit 0; s=$(systemctl is-system-running --wait); echo "$s"; [ "$s" = running ] || [ "$s" = degraded ]',
};

const ASK_EVERY_MS = 1000;
/** How long one question may take. `--wait` is one long question, so it has what is left. */
const MIN_QUESTION_MS = 1000;

export interface ReadyOptions {
  ready: Ready;
  deadlineMs: number;
  signal: AbortSignal;
}

/** Asks until the answer is yes. Throws ToolError `vm-not-ready` with what the guest answered last. */
export async function waitUntilReady(agent: Agent, options: ReadyOptions): Promise<void> {
  const { ready } = options;
  const end = performance.now() + options.deadlineMs;
  for (;;) {
    const left = Math.max(end - performance.now(), MIN_QUESTION_MS);
    const { isReady, answer } = await ask(agent, ready, left, options.signal);
    if (isReady) return;
    if (performance.now() + ASK_EVERY_MS > end) throw notReady(ready, answer, options.deadlineMs);
    await pause(ASK_EVERY_MS, options.signal);
  }
}

async function ask(agent: Agent, ready: Ready, timeoutMs: number, signal: AbortSignal) {
  const command = "command" in ready ? ready.command : `cat ${START_LOG}`;
  const answer = await agent.exec(command, { timeoutMs, signal });
  const isReady =
    "command" in ready ? answer.exitCode === 0 : new RegExp(ready.log, "m").test(answer.stdout.toString());
  return { isReady, answer };
}

function notReady(ready: Ready, { exitCode, stdout, stderr }: ExecResult, deadlineMs: number): ToolError {
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
  const what =
    "command" in ready ? `"${ready.command}" exited ${exitCode}` : `no line matches /${ready.log}/`;
  return new ToolError({
    code: "vm-not-ready",
    message: `the machine was not ready after ${Math.round(deadlineMs / 1000)} s: ${what}`,
    hint: "raise timeoutSeconds, or correct the ready condition",
    command: ["command" in ready ? ready.command : `cat ${START_LOG}`],
    exitCode,
    signal: null,
    lastLines: lines.slice(-30),
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
