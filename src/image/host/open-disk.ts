/** Opening a disk in the disk host: its content, what the journal is told before, and how it is served. */
import { realpathSync } from "node:fs";
import { TplError } from "../../engine/errors.ts";
import type { OpenDiskOptions } from "../../engine/plugin/disk.ts";
import { emptyMap } from "../map.ts";
import { loadMap } from "../stored-map.ts";
import { openView } from "../view.ts";
import { countedBlobs } from "./counted-blobs.ts";
import { openRawContent } from "./raw-content.ts";
import { type DiskSurroundings, ServedDisk } from "./served-disk.ts";
import { exportForTools } from "./tools-export.ts";

export async function openServedDisk(
  name: string,
  node: string,
  options: OpenDiskOptions,
  around: DiskSurroundings,
): Promise<ServedDisk> {
  const sizeBytes = sizeOf(options);
  if (options.parallel && !(options.readOnly && options.image))
    throw new Error("bug: several threads serve only an image, and only for reading");
  if (options.backing === "file") return await openRawDisk(name, node, { ...options, sizeBytes }, around);
  const { blobs, addedBytes } = countedBlobs(around.blobs);
  const map = options.image ? await loadMap(blobs, options.image) : emptyMap(sizeBytes);
  const overlayPath = `${around.folders.scratch}/${name}.overlay`;
  const { readOnly = false, exportName = name } = options;
  const { server } = around;
  const socketPath = options.parallel ? await server.startThreads() : server.socketPath;
  const overlay = around.journal.take(node, { kind: "file", path: overlayPath });
  const exported = around.journal.take(node, { kind: "export", socketPath, name: exportName });
  const view = await openView({ blobs, map, sizeBytes, overlayPath, readOnly });
  const { usedBy = "anyone" } = options;
  server.addExport(exportName, usedBy === "tools" ? exportForTools(view) : view);
  const entries = [overlay, exported];
  const parts = { name, exportName, socketPath, node, view, usedBy, entries, around, addedBytes };
  const served = new ServedDisk(parts);
  if (options.parallel)
    await server.share({ name: exportName, image: options.image!, sizeBytes }).catch(async (error) => {
      await served.close();
      throw error;
    });
  return served;
}

async function openRawDisk(
  name: string,
  node: string,
  options: OpenDiskOptions & { sizeBytes: number },
  around: DiskSurroundings,
): Promise<ServedDisk> {
  const { image, sizeBytes, readOnly = false } = options;
  if (!image) throw new Error("bug: a disk in a file of its own is opened without an image");
  // As the kernel names it: a loop device is found by its backing file's path.
  const path = `${realpathSync(around.folders.scratch)}/${name}.raw`;
  const raw = around.journal.take(node, { kind: "file", path });
  const { blobs, addedBytes } = countedBlobs(around.blobs);
  const view = await openRawContent({
    blobs,
    image,
    sizeBytes,
    path,
    readOnly,
    signal: around.ending,
  });
  return new ServedDisk({
    name,
    exportName: name,
    socketPath: around.server.socketPath,
    node,
    view,
    usedBy: "tools",
    entries: [raw],
    around,
    addedBytes,
  });
}

function sizeOf({ image, sizeBytes = image?.bytes }: OpenDiskOptions): number {
  if (sizeBytes !== undefined && sizeBytes > 0 && sizeBytes % 512 === 0) return sizeBytes;
  throw new TplError({
    code: "bad-disk-size",
    message: `a disk cannot have ${sizeBytes ?? "no"} bytes`,
    hint: "give a positive multiple of 512",
  });
}
