/**
 * An image becomes a qcow2 file, by qemu-img from an NBD export of this process: it asks the export where there is
 * data, and reads no more than that. Nothing is mounted, so one process can serve and wait.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { systemTool } from "./attach/system-tool.ts";
import { NbdServer } from "./nbd/server.ts";
import { loadMap } from "./stored-map.ts";
import { openView } from "./view.ts";
import { writeWhole } from "./write-whole.ts";

/** unix(7) has 108 bytes for a socket's path; the rest of ours takes 30. */
const MAX_TEMPORARY_FOLDER_BYTES = 70;

/**
 * Writes `image` to `path`, over what is there. Throws ArtifactDamaged where a chunk is missing or corrupt, ToolError
 * `tool-missing` or `tool-failed` for what qemu-img says.
 */
export async function exportQcow2(
  blobs: BlobStore,
  image: ImageArtifact,
  path: string,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const view = await openView({
    blobs,
    map: await loadMap(blobs, image),
    overlayPath: "",
    readOnly: true,
  });
  const folder = await mkdtemp(join(temporaryFolder(), "tplgraph-"));
  const server = new NbdServer();
  server.addExport("image", view);
  try {
    const socketPath = join(folder, "nbd.sock");
    await server.listen(socketPath);
    await writeWhole(resolve(path), async (partial) => {
      await convert(socketPath, partial, signal);
    });
  } catch (error) {
    signal.throwIfAborted();
    throw view.fault() ?? error;
  } finally {
    await server.close();
    await view.close();
    await rm(folder, { recursive: true });
  }
}

/** `-W`: in any order; the file is new. */
async function convert(socketPath: string, target: string, signal: AbortSignal): Promise<void> {
  const source = ["driver=nbd", "server.type=unix", `server.path=${escaped(socketPath)}`, "export=image"];
  const formats = ["--image-opts", source.join(","), "-O", "qcow2", target];
  await systemTool("qemu-img", ["convert", "-q", "-W", ...formats], { signal });
}

/** In QEMU's `key=value,…` options a comma of a value is doubled. */
function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}

function temporaryFolder(): string {
  const own = tmpdir();
  return Buffer.byteLength(own) <= MAX_TEMPORARY_FOLDER_BYTES ? own : "/tmp";
}
