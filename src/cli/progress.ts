/** Progress in the form that was asked for, on stderr. */
import type { RunEvent } from "../engine/run/event.ts";
import type { Terminal } from "./terminal.ts";

export type ProgressMode = "tty" | "plain" | "json";

export interface Progress extends Disposable {
  onEvent(event: RunEvent): void;
  /** A remark of the command's own, among the lines. */
  note(line: string): void;
  /** Leaves the terminal to somebody else until `resume`. */
  pause(): void;
  resume(): void;
}

export function progressMode(asked: "auto" | ProgressMode, terminal: Terminal): ProgressMode {
  if (asked !== "auto") return asked;
  return terminal.isLive ? "tty" : "plain";
}

export async function showProgress(mode: ProgressMode, terminal: Terminal): Promise<Progress> {
  if (mode === "tty") return liveProgress(terminal);
  if (mode === "json") {
    const { jsonLine } = await import("../views/progress-json.ts");
    return lines(terminal, jsonLine, () => undefined);
  }
  const { plainLine } = await import("../views/progress-plain.ts");
  return lines(terminal, plainLine, (line) => terminal.err(line));
}

function lines(
  terminal: Terminal,
  render: (event: RunEvent) => string | undefined,
  note: (line: string) => void,
): Progress {
  const nothing = () => undefined;
  return {
    onEvent(event) {
      const line = render(event);
      if (line !== undefined) terminal.err(line);
    },
    note,
    pause: nothing,
    resume: nothing,
    [Symbol.dispose]: nothing,
  };
}

const TICK_MS = 100;

async function liveProgress(terminal: Terminal): Promise<Progress> {
  const { ttyProgress } = await import("../views/progress-tty.ts");
  const { stderr } = process;
  const view = ttyProgress({
    write: (text) => void stderr.write(text),
    size() {
      // Asked of the terminal itself: Node's `columns` change a moment after the terminal has wrapped what is drawn.
      const [columns, rows] = stderr.getWindowSize();
      return { columns: columns || 80, rows: rows || 24 };
    },
    now: Date.now,
    paint: terminal.errPaint,
  });
  const timer = setInterval(view.tick, TICK_MS).unref();
  return {
    onEvent: view.onEvent,
    note: view.note,
    pause: view.pause,
    resume: view.resume,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
