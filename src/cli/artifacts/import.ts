/** `tplgraph artifacts import FILE --tag NAME`: a raw ext4 file becomes an image with a name. */
import { open } from "node:fs/promises";
import type { ImageArtifact } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import { readOnlyStore } from "../../store/fault.ts";
import { parseRefName } from "../../store/refs/grammar.ts";
import type { Store } from "../../store/store.ts";
import { bytes, shortDigest } from "../../views/amounts.ts";
import { printable } from "../../views/text-width.ts";
import type { Cli } from "../command.ts";
import { debugLog } from "../debug-log.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { tellInterruption } from "../interruption.ts";
import { withStepContext } from "../step-surroundings.ts";
import type { Terminal } from "../terminal.ts";
import { openWorkspace } from "../workspace.ts";

export async function importArtifact(cli: Cli, path: string, newName: string): Promise<number> {
  const { flags, terminal } = cli;
  const { name, tag } = parseRefName(newName);
  await checkFile(path);
  await using workspace = await openWorkspace(flags);
  const store = await workspace.store();
  if (store.readOnly) throw readOnlyStore(store.path);
  using interruption = tellInterruption(terminal);
  return await failing(
    cli,
    async () => {
      const image = await takeIn(cli, store, path, {
        ref: `${name}:${tag}`,
        signal: interruption.signal,
      });
      if (flags.json)
        terminal.out(JSON.stringify({ schema: "tplgraph.import/1", ref: `${name}:${tag}`, image }));
      else terminal.out(`${name}:${tag}: ${shortDigest(image.digest)}, ${bytes(image.bytes)}`);
      return EXIT.done;
    },
    interruption,
  );
}

/** Throws TplError for whatever cannot be an ext4 disk. */
async function checkFile(path: string): Promise<void> {
  const { HEAD_BYTES, rawFileFault } = await import("../../plugins/ext4/index.ts");
  const shown = printable(path);
  await using file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    const gone = cause.code === "ENOENT" || cause.code === "ENOTDIR";
    throw new TplError({
      code: gone ? "file-not-found" : "file-unreadable",
      message: gone ? `there is no file ${shown}` : `${shown} cannot be read (${cause.code})`,
      cause,
    });
  });
  const stat = await file.stat();
  if (!stat.isFile())
    throw new TplError({
      code: "not-a-raw-image",
      message: `${shown} is not a regular file`,
      hint: "give a raw disk image, for instance an ext4 file",
    });
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const fault = await rawFileFault(shown, buffer.subarray(0, bytesRead), async () => stat.size);
  if (fault) throw new TplError(fault);
}

/** With a journal, though nothing is taken: garbage collection spares what goes on. */
async function takeIn(
  cli: Cli,
  store: Store,
  path: string,
  { ref, signal }: { ref: string; signal: AbortSignal },
): Promise<ImageArtifact> {
  const { importFile } = await import("../../image/import.ts");
  const { terminal } = cli;
  const log = await debugLog(cli.flags);
  return withStepContext({ store, name: "import", signal, log, tell: terminal.err }, async () => {
    using progress = progressLine(terminal);
    const image = await importFile(store.blobs, path, { signal, onProgress: progress.show });
    await store.refs.set(ref, { outputs: { image } });
    return image;
  });
}

const REDRAW_MS = 100;

/** One line that is redrawn, on a terminal alone. */
function progressLine({ isLive }: Terminal): Disposable & { show(done: number, total: number): void } {
  let drawnMs = 0;
  return {
    show(done, total) {
      if (!isLive || Date.now() - drawnMs < REDRAW_MS) return;
      drawnMs = Date.now();
      process.stderr.write(`\r\x1b[Kimporting ${bytes(done)} of ${bytes(total)}`);
    },
    [Symbol.dispose]() {
      if (drawnMs > 0) process.stderr.write("\r\x1b[K");
    },
  };
}
