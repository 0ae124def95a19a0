/**
 * Ctrl-C and being told to end. The first time the work is cancelled, and cleaned up after; that is never cancelled, so
 * a second time only says what is being waited for.
 */
import type { Terminal } from "./terminal.ts";

export interface Interruption extends Disposable {
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** Whether a signal came. */
  readonly happened: boolean;
}

export interface InterruptionOptions {
  onFirst(): void;
  onAgain(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function listenForInterruption(options: InterruptionOptions): Interruption {
  const abort = new AbortController();
  const onSignal = () => {
    if (abort.signal.aborted) return options.onAgain();
    options.onFirst();
    abort.abort(new Error("interrupted"));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: abort.signal,
    get happened() {
      return abort.signal.aborted;
    },
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

/** For a command whose work ends at once when it is told to: says so the first time, and nothing more. */
export function tellInterruption(terminal: Pick<Terminal, "err">): Interruption {
  return listenForInterruption({ onFirst: () => terminal.err("interrupted"), onAgain: () => undefined });
}
