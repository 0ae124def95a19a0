/**
 * Which files an image has already just as they are to be: writing them again would make another image of the same
 * content, and everything that is built on it would be built again.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DEBUGFS_TYPES, type DebugfsHost, type InodeFacts, quoted, runDebugfs } from "./debugfs.ts";
import type { OverlayFile } from "./files.ts";

/** `at`: what the image has at a path that goes through no symlink. Returns those of `files` that may stay. */
export async function unchangedFiles(
  host: DebugfsHost,
  imageFile: string,
  folder: string,
  { files, at }: { files: readonly OverlayFile[]; at(path: string): InodeFacts | undefined },
): Promise<Set<OverlayFile>> {
  const alike = files.filter((file) => looksAlike(file, at(file.path)));
  const regular = alike.filter((file) => file.kind === "file");
  const copies = regular.map((_, i) => join(folder, `found-${i}`));
  // Each has the size that it is to have: none is larger than what is to be written.
  const dumps = regular.map(({ path }, i) => `dump ${quoted(path)} ${quoted(copies[i]!)}`);
  if (dumps.length > 0) await runDebugfs(host, imageFile, folder, dumps, { access: "read" });
  const unchanged = new Set<OverlayFile>(alike.filter((file) => file.kind !== "file"));
  for (const [i, file] of regular.entries())
    if ((await readFile(copies[i]!)).equals(Buffer.from(file.content))) unchanged.add(file);
  return unchanged;
}

/** By its inode: all but the content. A hard link would change with its siblings, which are the image's own. */
function looksAlike(file: OverlayFile, found: InodeFacts | undefined): boolean {
  if (!found || found.type !== DEBUGFS_TYPES[file.kind]) return false;
  if (found.uid !== (file.uid ?? 0) || found.gid !== (file.gid ?? 0)) return false;
  if (file.kind === "dir") return found.mode === file.mode;
  if (!found.isPlain || found.links !== 1) return false;
  if (file.kind === "symlink") return found.linkTarget === file.target;
  return found.mode === file.mode && found.sizeBytes === Buffer.byteLength(file.content);
}
