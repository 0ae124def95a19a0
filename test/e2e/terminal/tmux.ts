/** A terminal that a test can look at: a tmux server of its own, with one window. */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const exec = promisify(execFile);

export interface TestTerminal extends AsyncDisposable {
  /** What the window shows now, a string a row, without spaces at the ends. */
  screen(): Promise<string[]>;
  /** What it shows and what has scrolled away. */
  history(): Promise<string[]>;
  resize(columns: number, rows: number): Promise<void>;
  type(text: string): Promise<void>;
  /** As tmux names them: `Enter`, `Tab`, `C-c`. */
  press(key: string): Promise<void>;
  /** The screen as soon as `wanted` is true of it; throws with the screen when that takes too long. */
  until(what: string, wanted: (screen: string[]) => boolean): Promise<string[]>;
}

const PATIENCE_MS = 30_000;
const LOOK_MS = 100;

export async function openTestTerminal(options: {
  /** For `sh`. */
  command: string;
  columns: number;
  rows: number;
  cwd: string;
  env?: Record<string, string>;
}): Promise<TestTerminal> {
  const socket = `tplgraph-test-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const tmux = async (...args: string[]) =>
    (
      await exec("tmux", ["-f", "/dev/null", "-L", socket, "-u", ...args], {
        env: clean({ ...process.env, ...options.env }),
      })
    ).stdout;
  const size = ["-x", `${options.columns}`, "-y", `${options.rows}`];
  await tmux("new-session", "-d", ...size, "-c", options.cwd, options.command);
  await tmux("set-option", "-g", "remain-on-exit", "on");
  const rows = (text: string) => text.split("\n").map((row) => row.trimEnd());
  const screen = async () => rows(await tmux("capture-pane", "-p"));
  return {
    screen,
    history: async () => rows(await tmux("capture-pane", "-p", "-S", "-")),
    resize: async (columns, height) =>
      void (await tmux("resize-window", "-x", `${columns}`, "-y", `${height}`)),
    type: async (text) => void (await tmux("send-keys", "-l", text)),
    press: async (key) => void (await tmux("send-keys", key)),
    async until(what, wanted) {
      for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
        const now = await screen();
        if (wanted(now)) return now;
        await sleep(LOOK_MS);
      }
      throw new Error(`the terminal never showed ${what}:\n${(await screen()).join("\n")}`);
    },
    [Symbol.asyncDispose]: async () => void (await tmux("kill-server").catch(() => {})),
  };
}

/** CI and NO_COLOR would make it another terminal. */
function clean(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { CI: _, NO_COLOR: __, TMUX: ___, ...rest } = env;
  return { ...rest, LC_ALL: "C.UTF-8" };
}
