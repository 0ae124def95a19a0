/** `tplgraph artifacts import FILE --tag NAME`: an ext4 file system in a raw or qcow2 file becomes an image with a name. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { ImageArtifact } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import { findTool } from "../../engine/key/tool-version.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
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
import { type StatusLine, statusLine } from "../status-line.ts";
import { withStepContext } from "../step-surroundings.ts";
import { openWorkspace } from "../workspace.ts";

export async function importArtifact(cli: Cli, path: string, newName: string): Promise<number> {
  const { flags } = cli;
  const { name, tag } = parseRefName(newName);
  const source = await examine(path);
  await using workspace = await openWorkspace(flags);
  const store = await workspace.store();
  if (store.readOnly) throw readOnlyStore(store.path);
  using line = statusLine(cli.terminal);
  const { terminal } = line;
  using interruption = tellInterruption(terminal);
  return await failing(
    { flags, terminal },
    async () => {
      const image = await takeIn({ flags, terminal }, line, store, source, {
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

/** A file that can be taken in. */
interface Source {
  path: string;
  format: "raw" | "qcow2";
  sizeBytes: number;
}

/** Throws TplError for whatever cannot be an ext4 disk, as far as the beginning of the file tells. */
async function examine(path: string): Promise<Source> {
  const { HEAD_BYTES, rawFileFault } = await import("../../plugins/ext4/index.ts");
  const { isQcow2, qcow2DiskBytes } = await import("../../image/qcow2-header.ts");
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
      hint: "give a disk image, for instance an ext4 file",
    });
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const head = buffer.subarray(0, bytesRead);
  if (isQcow2(head)) {
    requireTool("qemu-img", "read a qcow2 file");
    return { path, format: "qcow2", sizeBytes: qcow2DiskBytes(shown, head) };
  }
  const fault = await rawFileFault(shown, head, async () => stat.size);
  if (fault) throw new TplError(fault);
  return { path, format: "raw", sizeBytes: stat.size };
}

function requireTool(name: string, to: string): void {
  if (findTool(name)) return;
  throw new TplError({
    code: "tool-missing",
    message: `${name} is not installed, and needed to ${to}`,
    hint: "tplgraph doctor says which package has it",
  });
}

/** What is put from now on is spared by garbage collection until it has its name. */
async function takeIn(
  cli: Cli,
  line: StatusLine,
  store: Store,
  source: Source,
  { ref, signal }: { ref: string; signal: AbortSignal },
): Promise<ImageArtifact> {
  const { terminal } = cli;
  const log = await debugLog(cli.flags);
  const uses = { artifacts: [], putSinceMs: Date.now() };
  return withStepContext({ store, name: "import", signal, uses, log, tell: terminal.err }, async (step) => {
    const image =
      source.format === "qcow2"
        ? await takeInQcow2(store, step, source)
        : await takeInRaw(line, store, source.path, signal);
    await store.refs.set(ref, { outputs: { image } });
    return image;
  });
}

async function takeInRaw(line: StatusLine, store: Store, path: string, signal: AbortSignal) {
  const { importFile } = await import("../../image/import.ts");
  const onProgress = (done: number, total: number) =>
    line.show(`importing ${bytes(done)} of ${bytes(total)}`);
  return await importFile(store.blobs, path, { signal, onProgress });
}

/** qemu-img writes the disk to an empty view; that it holds a file system shows only then. */
async function takeInQcow2(
  store: Store,
  step: StepContext,
  { path, sizeBytes }: Source,
): Promise<ImageArtifact> {
  const { HEAD_BYTES, rawFileFault } = await import("../../plugins/ext4/index.ts");
  const { readImageHead } = await import("../../image/read-head.ts");
  const disk = await step.openDisk({ sizeBytes });
  // An absolute path: what stands before a colon in another one would be taken for a protocol.
  const formats = ["-f", "qcow2", "-O", "raw", resolve(path), disk.uri];
  await step.tool("qemu-img", ["convert", "-q", "-n", "--target-is-zero", "-W", ...formats]);
  const image = await disk.seal();
  const head = await readImageHead(store.blobs, image, HEAD_BYTES);
  const fault = await rawFileFault(printable(path), head, async () => image.bytes);
  if (fault) throw new TplError(fault);
  return image;
}
