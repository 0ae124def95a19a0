/**
 * Whether an image has all files just as an overlay wants them, which is so of every image that was grown from one with
 * an overlay. It is found out with nothing attached and no tool run; any doubt is a no, and debugfs is asked.
 */
import { TplError } from "../../engine/errors.ts";
import { sha256 } from "../../engine/key/canonical.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { type FileFinder, type FoundFile, fileFinder } from "../ext4/index.ts";
import type { OverlayFile } from "./files.ts";

/** The file system on `disk` must be clean. Of two files with one path the last counts. */
export async function isAllThere(
  disk: Pick<Disk, "read" | "sizeBytes" | "digest">,
  files: readonly OverlayFile[],
): Promise<boolean> {
  const last = new Map(files.map((file) => [file.path, file]));
  try {
    const finder = await fileFinder(disk);
    if (!finder) return false;
    const there = await Promise.all([...last.values()].map((file) => isThere(finder, disk, file)));
    return there.every(Boolean);
  } catch (error) {
    if (error instanceof TplError && /^ext4-(damaged|unreadable)$/.test(error.code)) return false;
    throw error;
  }
}

async function isThere(finder: FileFinder, disk: Pick<Disk, "digest">, file: OverlayFile): Promise<boolean> {
  const found = await finder.find(file.path);
  if (!found || found.uid !== (file.uid ?? 0) || found.gid !== (file.gid ?? 0)) return false;
  if (file.kind === "dir") return found.type === "directory" && found.mode === file.mode;
  if (!found.isPlain || found.links !== 1) return false;
  if (file.kind === "symlink")
    return found.type === "symlink" && found.target === Buffer.from(file.target).toString("latin1");
  return found.mode === file.mode && (await hasContent(disk, found, Buffer.from(file.content)));
}

async function hasContent(disk: Pick<Disk, "digest">, found: FoundFile, wanted: Buffer): Promise<boolean> {
  if (found.type !== "file" || found.sizeBytes !== wanted.length) return false;
  const content = await found.content();
  return content !== undefined && (await disk.digest(content)) === `sha256:${sha256(wanted)}`;
}
