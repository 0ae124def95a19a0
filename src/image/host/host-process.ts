/**
 * The engine's end of the channel to the disk host: starts it, sends requests, matches answers. It keeps this
 * process alive only while an answer is awaited. When the host dies every request fails with `disk-host-died`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { TplError } from "../../engine/errors.ts";
import { RUN_VARIABLE } from "../../engine/run/services.ts";
import { SERVES_VARIABLE } from "../attach/system-tool.ts";
import { fromMessage } from "./error-message.ts";
import type { HostAnswers, HostMessage, HostRequest, NumberedRequest } from "./protocol.ts";

/** `main.ts` in the sources, `main.js` when built. */
const MAIN = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));
const LAST_STDERR_CHARS = 4000;

interface Pending {
  // biome-ignore lint/suspicious/noExplicitAny: the answer's type follows from the request's, which the map forgets
  resolve(answer: any): void;
  reject(error: Error): void;
}

/** The host's compiled code is kept where ours is: it halves the time in which that runs its modules. */
function compileCache(): { NODE_COMPILE_CACHE?: string } {
  const ofThisNode = getCompileCacheDir();
  return ofThisNode === undefined ? {} : { NODE_COMPILE_CACHE: dirname(ofThisNode) };
}

export class HostProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #log: (line: string) => void;
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #deaths = Promise.withResolvers<Error>();
  #lastId = 0;
  #stderr = "";
  #death: TplError | undefined;

  constructor(run: string, log: (line: string) => void) {
    this.#log = log;
    const { [RUN_VARIABLE]: _, ...environment } = process.env;
    this.#child = fork(MAIN, {
      detached: true,
      execArgv: [],
      env: { ...environment, ...compileCache(), [SERVES_VARIABLE]: run },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.on("message", (message: HostMessage) => this.#receive(message));
    this.#child.on("error", (error) => this.#died(error.message));
    this.#child.on("exit", (exitCode, signal) => this.#died(signal ?? `exit status ${exitCode}`));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-LAST_STDERR_CHARS);
    });
    // A request that is never made must not leave an unhandled rejection.
    this.#ready.promise.catch(() => {});
  }

  /** The host's process id, for messages. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasDied(): boolean {
    return this.#death !== undefined;
  }

  /** Resolves with the reason when the host has ended, asked to or not. */
  get died(): Promise<Error> {
    return this.#deaths.promise;
  }

  /** Aborting `signal` rejects with its reason at once, and tells the host that nobody waits any more. */
  async request<R extends HostRequest>(request: R, signal?: AbortSignal): Promise<HostAnswers[R["op"]]> {
    signal?.throwIfAborted();
    if (this.#death) throw this.#death;
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<HostAnswers[R["op"]]>();
    answer.promise.catch(() => {}); // it may fail while we still wait for the host to be ready, which fails as well
    this.#pending.set(id, answer);
    this.#keepAlive();
    const cancel = () => {
      answer.reject(signal!.reason);
      this.#child.send({ id: 0, request: { op: "cancel", id } } satisfies NumberedRequest, () => {});
    };
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      await this.#ready.promise;
      signal?.throwIfAborted(); // the host cannot cancel what it has not got
      this.#child.send({ id, request } satisfies NumberedRequest, (error) => {
        if (error) answer.reject(this.#death ?? error);
      });
      return await answer.promise;
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#pending.delete(id);
      this.#keepAlive();
    }
  }

  /** Lets the host end, and waits until it has. What it still holds it releases first. */
  async end(): Promise<void> {
    if (!this.#death) this.#child.ref();
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited.promise;
  }

  /** For a host that does not answer; `end` waits for it. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #receive(message: HostMessage): void {
    switch (message.type) {
      case "ready":
        this.#ready.resolve();
        break;
      case "log":
        this.#log(message.line);
        break;
      case "answer":
        this.#pending.get(message.id)?.resolve(message.answer);
        break;
      case "failed":
        this.#pending.get(message.id)?.reject(fromMessage(message.error));
        break;
    }
  }

  #died(how: string): void {
    this.#death ??= new TplError({
      code: "disk-host-died",
      message: `the disk host ended (${how})${this.#stderr ? `: ${this.#stderr.trim()}` : ""}`,
      hint: "tplgraph cleanup releases what it held; then run again",
    });
    this.#ready.reject(this.#death);
    for (const pending of this.#pending.values()) pending.reject(this.#death);
    this.#exited.resolve();
    this.#deaths.resolve(this.#death);
  }

  #keepAlive(): void {
    const channel = this.#child.channel;
    const stderr = this.#child.stderr as unknown as { ref(): void; unref(): void };
    const keep = this.#pending.size > 0 ? "ref" : "unref";
    this.#child[keep]();
    channel?.[keep]();
    stderr[keep]();
  }
}
