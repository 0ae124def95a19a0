/**
 * Device state out of a paused machine and into a waiting one, over a unix socket: QEMU's sandbox lets it start no
 * helper. The memory stays where it is, in its shared file (`x-ignore-shared`; QEMU documentation, "Migration").
 */
import { createReadStream, createWriteStream } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Json } from "../engine/artifact.ts";
import { TplError } from "../engine/errors.ts";
import type { Qmp } from "./qmp.ts";
import { rendezvousAt } from "./rendezvous.ts";

const POLL_MS = 20;

/** Writes the device state of a paused machine to `path`. `folder` is scratch. Throws TplError `migration-failed`. */
export async function saveDeviceState(
  qmp: Qmp,
  folder: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await ignoreSharedMemory(qmp);
  const door = await rendezvousAt(join(folder, "m"));
  try {
    await qmp.execute("migrate", { uri: `unix:${door.path}` });
    const visitor = await door.visitor(signal);
    await pipeline(visitor, createWriteStream(path), { signal });
    await migrationEnd(qmp, signal);
  } finally {
    door.close();
  }
}

/** Gives a machine that was started with `-incoming defer` its device state. It is paused afterwards. */
export async function loadDeviceState(
  qmp: Qmp,
  folder: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await ignoreSharedMemory(qmp);
  const socketPath = join(folder, "m");
  await qmp.execute("migrate-incoming", { uri: `unix:${socketPath}` });
  await pipeline(createReadStream(path), connect(socketPath), { signal });
  await migrationEnd(qmp, signal);
}

async function ignoreSharedMemory(qmp: Qmp): Promise<void> {
  await qmp.execute("migrate-set-capabilities", {
    capabilities: [{ capability: "x-ignore-shared", state: true }],
  });
}

/** The stream has been written or read; QEMU may need a moment to say so. */
async function migrationEnd(qmp: Qmp, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { status, "error-desc": why } = (await qmp.execute("query-migrate")) as Record<string, Json>;
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled")
      throw new TplError({
        code: "migration-failed",
        message: `the machine's state could not be moved: ${why ?? status}`,
        hint: "a snapshot resumes on the QEMU version and accelerator that made it",
      });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
