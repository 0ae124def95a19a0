/**
 * An independent listing of a file tree, made with find, getfattr and sha256sum: type, mode, owner, size, times
 * to the nanosecond, link count, symlink target, device numbers, xattrs (ACLs and capabilities among them), content.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

export interface Entry {
  type: string;
  mode: string;
  owner: string;
  /** Bytes; of regular files and symlinks alone, as a folder's depends on its file system. */
  size: string;
  mtime: string;
  links: string;
  target: string;
  device: string;
  xattrs: string;
  sha256: string;
}

/** Path below `folder` → entry. */
export function listTree(folder: string): Map<string, Entry> {
  const contents = hashes(folder);
  const attributes = xattrs(folder);
  const entries = new Map<string, Entry>();
  const fields = find(folder, ["-printf", "%P\\0%y\\0%m\\0%U:%G\\0%s\\0%T@\\0%n\\0%l\\0"]);
  for (let i = 0; i + 7 < fields.length; i += 8) {
    const [path, type, mode, owner, size, mtime, links, target] = fields.slice(i, i + 8) as string[];
    entries.set(path!, {
      type: type!,
      mode: mode!,
      owner: owner!,
      size: type === "f" || type === "l" ? size! : "",
      mtime: mtime!,
      links: type === "d" ? "" : links!,
      target: target!,
      device: type === "b" || type === "c" ? run("stat", ["-c", "%t:%T", join(folder, path!)]).trim() : "",
      xattrs: attributes.get(path!) ?? "",
      sha256: contents.get(path!) ?? "",
    });
  }
  entries.delete("lost+found");
  return entries;
}

/** What differs, as lines; an entry in one tree alone is named with the side it is on. */
export function differences(before: Map<string, Entry>, after: Map<string, Entry>): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const [one, other] = [before.get(path), after.get(path)];
    if (!one || !other) return [`${path || "/"}: only ${one ? "before" : "after"}`];
    return (Object.keys(one) as (keyof Entry)[])
      .filter((field) => one[field] !== other[field])
      .map((field) => `${path || "/"}: ${field} ${one[field]} → ${other[field]}`);
  });
}

function find(folder: string, action: string[]): string[] {
  return run("find", [folder, "-xdev", ...action]).split("\0");
}

function hashes(folder: string): Map<string, string> {
  const lines = run("sh", [
    "-c",
    'cd "$0" && find . -xdev -type f -print0 | xargs -0 sha256sum -z',
    folder,
  ]).split("\0");
  return new Map(lines.filter((line) => line !== "").map((line) => [line.slice(68), line.slice(0, 64)]));
}

function xattrs(folder: string): Map<string, string> {
  const dump = run("sh", ["-c", 'cd "$0" && getfattr -R -P -h -d -m - -e hex . 2>/dev/null', folder]);
  const blocks = dump.split("\n\n").filter((block) => block.startsWith("# file: "));
  return new Map(
    blocks.map((block) => {
      const [first, ...rest] = block.split("\n");
      return [first!.slice("# file: ".length), rest.sort().join(" ").trim()];
    }),
  );
}

function run(command: string, args: string[]): string {
  return execFileSync(command, args, {
    encoding: "utf8",
    maxBuffer: 512 * 1024 * 1024,
    env: { ...process.env, LC_ALL: "C" },
  });
}
