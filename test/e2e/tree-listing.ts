/**
 * An independent listing of a file tree (`tree-listing.py`): type, mode, owner, size, times to the nanosecond, link
 * count and which names are one file, symlink target, device numbers, xattrs (ACLs and capabilities among them), the
 * flags of chattr and project ids, content, sparseness.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

export interface Entry {
  /** Below the folder, with a slash before it; empty for the folder itself. Each character is a byte. */
  path: string;
  type: string;
  mode: string;
  owner: string;
  /** Bytes; of regular files and symlinks alone, as a folder's depends on its file system. */
  size: number;
  /** Nanoseconds. */
  mtime: string;
  links: number;
  /** Of a file with several names, the first of them. */
  group: string;
  target: string;
  device: string;
  xattrs: string;
  flags: string;
  sha256: string;
  /** Takes up clearly less than its size. */
  sparse: boolean;
}

/** By path. An empty lost+found, which mke2fs makes, is left out. */
export function listTree(folder: string): Map<string, Entry> {
  const script = join(import.meta.dirname, "tree-listing.py");
  const text = execFileSync("python3", [script, folder], { encoding: "utf8", maxBuffer: 512 * 1024 * 1024 });
  const lines = text.trimEnd().split("\n");
  const entries = new Map(
    lines.map((line) => {
      const entry = JSON.parse(line) as Entry;
      return [entry.path, entry];
    }),
  );
  if (![...entries.keys()].some((path) => path.startsWith("/lost+found/"))) entries.delete("/lost+found");
  return entries;
}

/** What differs, as lines; an entry in one tree alone is named with the side it is on. A copy may have more holes. */
export function differences(before: Map<string, Entry>, after: Map<string, Entry>): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const [one, other] = [before.get(path), after.get(path)];
    if (!one || !other) return [`${path || "/"}: only ${one ? "before" : "after"}`];
    return (Object.keys(one) as (keyof Entry)[])
      .filter((field) => (field === "sparse" ? one.sparse && !other.sparse : one[field] !== other[field]))
      .map((field) => `${path || "/"}: ${field} ${one[field]} → ${other[field]}`);
  });
}
