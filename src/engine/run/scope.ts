/**
 * A scope: cleanup hooks that run last in, first out, whatever happened. All of them run, also after one failed
 * or hung; each has its own deadline; what went wrong is returned beside the result, never instead of it.
 */
import { TplError } from "../errors.ts";

export interface CleanupFailure {
  node: string;
  hook: string;
  error: unknown;
}

export interface HookOptions {
  /** After this long the hook's signal is aborted, the hook abandoned and reported. Default 30 s. */
  deadlineMs?: number;
}

type Hook = { name: string; run: (signal: AbortSignal) => Promise<unknown>; deadlineMs: number };

export class Scope {
  readonly node: string;
  #hooks: Hook[] = [];
  #closing: Promise<CleanupFailure[]> | undefined;
  #released = 0;

  constructor(node: string) {
    this.node = node;
  }

  /** Registers a hook. Register it before what it releases can be used. */
  defer(name: string, run: (signal: AbortSignal) => Promise<unknown>, options: HookOptions = {}): void {
    if (this.#closing)
      throw new Error(`bug: cleanup hook "${name}" of ${this.node} came after its cleanup began`);
    this.#hooks.push({ name, run, deadlineMs: options.deadlineMs ?? 30_000 });
  }

  /** How many hooks have run without a fault. */
  get released(): number {
    return this.#released;
  }

  /** Runs the hooks. A second call waits for the first. */
  close(): Promise<CleanupFailure[]> {
    this.#closing ??= this.#runAll();
    return this.#closing;
  }

  async #runAll(): Promise<CleanupFailure[]> {
    const failures: CleanupFailure[] = [];
    for (let hook = this.#hooks.pop(); hook; hook = this.#hooks.pop()) {
      try {
        await runWithDeadline(hook);
        this.#released++;
      } catch (error) {
        failures.push({ node: this.node, hook: hook.name, error });
      }
    }
    return failures;
  }
}

async function runWithDeadline(hook: Hook): Promise<void> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new TplError({
        code: "cleanup-timeout",
        message: `"${hook.name}" did not end within ${hook.deadlineMs / 1000} s`,
        hint: "tplgraph cleanup releases what is left",
      });
      abort.abort(error);
      reject(error);
    }, hook.deadlineMs);
  });
  try {
    await Promise.race([hook.run(abort.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
