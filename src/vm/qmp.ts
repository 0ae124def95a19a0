/**
 * A client of QEMU's machine protocol (QEMU documentation, "QEMU Machine Protocol Specification"): one JSON
 * object a line; commands are answered under their id. The caller owns the socket.
 */
import type { Socket } from "node:net";
import type { Json } from "../engine/artifact.ts";
import { TplError } from "../engine/errors.ts";
import { readLines } from "./lines.ts";

export interface Qmp {
  /** What the command returns. Throws TplError `qmp-failed`, also when the machine ends before it answers. */
  execute(command: string, args?: Json): Promise<Json>;
}

interface Message {
  QMP?: Json;
  event?: string;
  id?: number;
  return?: Json;
  error?: { class: string; desc: string };
}

/** Waits for the greeting and leaves negotiation behind. */
export async function connectQmp(socket: Socket): Promise<Qmp> {
  const waiting = new Map<number, { command: string; done: PromiseWithResolvers<Json> }>();
  const greeted = Promise.withResolvers<void>();
  let lastId = 0;
  readLines(socket, (line) => {
    const message = JSON.parse(line) as Message;
    if (message.QMP !== undefined) return greeted.resolve();
    const asked = message.id === undefined ? undefined : waiting.get(message.id);
    if (!asked) return;
    waiting.delete(message.id!);
    if (message.error) asked.done.reject(qmpFailed(asked.command, message.error.desc));
    else asked.done.resolve(message.return ?? null);
  });
  socket.once("close", () => {
    greeted.reject(qmpFailed("connect", "the machine ended"));
    for (const { command, done } of waiting.values()) done.reject(qmpFailed(command, "the machine ended"));
    waiting.clear();
  });
  const execute = (command: string, args?: Json): Promise<Json> => {
    const done = Promise.withResolvers<Json>();
    if (socket.destroyed) return Promise.reject(qmpFailed(command, "the machine ended"));
    const id = ++lastId;
    waiting.set(id, { command, done });
    socket.write(
      `${JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id })}\n`,
    );
    return done.promise;
  };
  await greeted.promise;
  await execute("qmp_capabilities");
  return { execute };
}

function qmpFailed(command: string, why: string): TplError {
  return new TplError({ code: "qmp-failed", message: `QEMU did not do "${command}": ${why}` });
}
