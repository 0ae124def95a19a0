/**
 * What is mounted where, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Reading it touches no mounted file
 * system, so the process that serves the disks may do it at any time.
 */
import { readFileSync } from "node:fs";

export interface Mount {
  /** Where it is mounted, absolute. */
  path: string;
  /** File system type: `ext4`, `fuse`. */
  type: string;
  /** What is mounted: a device's path for ext4. */
  source: string;
  readOnly: boolean;
}

/** In the order they were mounted: the last one at a path is the one that is seen. */
function mounts(): Mount[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

export function isMounted(path: string): boolean {
  return mounts().some((mount) => mount.path === path);
}

/** Mounts at `folder` or anywhere below it. */
export function mountsWithin(folder: string, all: readonly Mount[] = mounts()): Mount[] {
  const prefix = folder.endsWith("/") ? folder : `${folder}/`;
  return all.filter(({ path }) => path === folder || path.startsWith(prefix));
}

export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    // A varying number of optional fields ends with a lone dash.
    const dash = fields.indexOf("-", 6);
    if (dash < 0) return [];
    const [path, options] = [fields[4]!, fields[5]!];
    return [
      {
        path: unescapeOctal(path),
        type: fields[dash + 1]!,
        source: unescapeOctal(fields[dash + 2] ?? ""),
        readOnly: options.split(",").includes("ro"),
      },
    ];
  });
}

/** The kernel writes space, tab, newline, backslash and # as a backslash and three octal digits (fs/proc_namespace.c). */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
