/**
 * The disk host: a child process of a run, in a session of its own, that outlives it for as long as it takes to
 * release what the run held. It ends after a goodbye, or by itself once the channel to the run has closed; no
 * signal that can be ignored ends it.
 */
import { DiskHost } from "./disk-host.ts";
import { toMessage } from "./error-message.ts";
import type { HostMessage, NumberedRequest } from "./protocol.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
// The run reads our stderr. Once it is gone nobody does, and that must not stop us.
process.stderr.on("error", () => {});

const host = new DiskHost((line) => send({ type: "log", line }));

process.on("message", async ({ id, request }: NumberedRequest) => {
  try {
    send({ type: "answer", id, answer: await host.answer(id, request) });
  } catch (error) {
    send({ type: "failed", id, error: toMessage(error) });
  }
});
process.on("uncaughtException", (error) => {
  process.stderr.write(`${error.stack}\n`);
  end(1);
});
process.once("disconnect", () => end(0));

if (process.connected) send({ type: "ready" });
else end(0);

function send(message: HostMessage): void {
  // A run that has gone needs no answer; that it has gone is told by `disconnect`.
  if (process.connected) process.send!(message, undefined, {}, () => {});
}

function end(exitCode: number): void {
  host.end().then(
    () => process.exit(exitCode),
    (error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`, () => process.exit(1));
    },
  );
}
