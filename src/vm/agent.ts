/**
 * The host's side of the guest agent (`plugins/provision/agent-script.ts` has the guest's, and the protocol): runs
 * commands in a guest over a virtio-serial port. One command at a time; further ones wait their turn.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { TplError } from "../engine/errors.ts";
import { withDeadline } from "./deadline.ts";
import { readLines } from "./lines.ts";

/** Name of the virtio-serial port. */
export const AGENT_PORT = "org.tplgraph.agent";

export interface ExecResult {
  exitCode: number;
  stdout: Buffer;
  stderr: Buffer;
}

export interface ExecOptions {
  /** After this the guest kills the command, and `exec` throws `guest-timeout`. Default 60 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface Agent {
  /** Runs `command` with the guest's `/bin/sh -c` as root. Throws TplError `guest-timeout` or `guest-gone`. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
}

/** What the guest has beyond a command's own time to answer: it may be slow, and may not have booted yet. */
const ANSWER_MS = 5_000;

interface Asked {
  stdout: Buffer[];
  stderr: Buffer[];
  done: PromiseWithResolvers<ExecResult>;
}

export function connectAgent(socket: Socket): Agent {
  const asked = new Map<string, Asked>();
  readLines(socket, (line) => {
    const [id = "", stream, data = ""] = line.split(" ");
    const request = asked.get(id);
    // An answer to a host before this one, or the rest of a line that it did not read.
    if (!request) return;
    if (stream === "o") request.stdout.push(Buffer.from(data, "base64"));
    if (stream === "e") request.stderr.push(Buffer.from(data, "base64"));
    if (stream !== "x") return;
    const { stdout, stderr, done } = request;
    done.resolve({ exitCode: Number(data), stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
  });
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => {});
  socket.once("close", () =>
    gone.reject(new TplError({ code: "guest-gone", message: "the VM ended while a command ran in it" })),
  );
  // A newline first: it ends what a host before this one may have sent half of.
  socket.write("\n");

  async function ask(command: string, { timeoutMs = 60_000, signal }: ExecOptions): Promise<ExecResult> {
    signal?.throwIfAborted();
    const id = randomBytes(8).toString("hex");
    const request: Asked = { stdout: [], stderr: [], done: Promise.withResolvers() };
    const abort = () => request.done.reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    asked.set(id, request);
    try {
      const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
      socket.write(`${id} ${seconds} ${Buffer.from(command).toString("base64")}\n`);
      const answer = Promise.race([request.done.promise, gone.promise]);
      return await withDeadline(answer, timeoutMs + ANSWER_MS, () => tooLate(command, timeoutMs));
    } finally {
      asked.delete(id);
      signal?.removeEventListener("abort", abort);
    }
  }

  let turn: Promise<unknown> = Promise.resolve();
  return {
    exec(command, options = {}) {
      const result = turn.then(() => ask(command, options));
      turn = result.catch(() => {});
      return result;
    },
  };
}

function tooLate(command: string, timeoutMs: number): TplError {
  return new TplError({
    code: "guest-timeout",
    message: `the guest did not answer within ${timeoutMs / 1000} s: ${command.slice(0, 200)}`,
    hint: "the guest agent runs in images that provision/overlay and provision/run have prepared",
  });
}
