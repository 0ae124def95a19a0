/**
 * Talks to debugfs(8): what is where in an ext4 image, without mounting it. Paths given here must not go through
 * symlinks and hold no quotes or control characters (`isPlainPath`). debugfs ends with status 0 whatever happens;
 * what went wrong is on its stderr.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { fixedClock } from "../ext4/index.ts";

export type DebugfsHost = Pick<StepContext, "tool">;

export interface InodeFacts {
  inode: number;
  /** As debugfs calls it: `regular`, `directory`, `symlink`, `FIFO`, `socket`, `character special`, `block special`. */
  type: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  links: number;
  /** Without extended attributes, and without a flag that says more than where its content lies. */
  isPlain: boolean;
  /** Of a symlink whose target is in its inode (up to 59 bytes). */
  linkTarget?: string;
}

/** How it calls what an overlay has. */
export const DEBUGFS_TYPES = { file: "regular", dir: "directory", symlink: "symlink" };

/** Quotes cannot be written in a debugfs command, a newline ends it. */
export function isPlainPath(path: string): boolean {
  return /^[^"\\\p{Cc}]*$/u.test(path);
}

export function quoted(path: string): string {
  if (!isPlainPath(path)) throw new Error(`bug: ${JSON.stringify(path)} is no debugfs argument`);
  return `"${path}"`;
}

/** What stands at each path; undefined where nothing does. */
export async function statPaths(
  host: DebugfsHost,
  imageFile: string,
  folder: string,
  paths: readonly string[],
): Promise<Map<string, InodeFacts | undefined>> {
  const commands = paths.map((path) => `stat ${quoted(path)}`);
  const stdout = await runDebugfs(host, imageFile, folder, commands, { access: "read", ignore: NOT_THERE });
  return new Map(answers(stdout, commands).map((text, i) => [paths[i]!, parseStat(text)]));
}

/** The content of a symlink that is too long for its inode. */
export async function longLinkTarget(host: DebugfsHost, imageFile: string, inode: number): Promise<string> {
  const { stdout } = await host.tool("debugfs", ["-R", `cat <${inode}>`, imageFile], { quiet: true });
  return stdout;
}

export interface DebugfsOptions {
  access: "read" | "write";
  /** Lines of stderr that are answers, not faults. */
  ignore?: RegExp;
  /** The clock of what is written, in seconds since the epoch. */
  clockSeconds?: number;
}

/** The last two: below a file, and through symlinks that go in a circle. */
const NOT_THERE =
  /: (File not found by ext2_lookup|Ext2 inode is not a directory|Too many symbolic links encountered\.?) *$/;
/** The banner, `debugfs 1.47.0 (5-Feb-2023)`. */
const BANNER = /^debugfs \d/;

/** Runs commands in order and returns debugfs' stdout. Throws TplError `overlay-failed` with the first line that complains. */
export async function runDebugfs(
  host: DebugfsHost,
  imageFile: string,
  folder: string,
  commands: readonly string[],
  options: DebugfsOptions,
): Promise<string> {
  const script = join(folder, "debugfs-commands");
  const clock = options.clockSeconds === undefined ? [] : [`set_current_time @${options.clockSeconds}`];
  await writeFile(script, `${[...clock, ...commands].join("\n")}\n`);
  const mode = options.access === "write" ? ["-w"] : [];
  const { stdout, stderr } = await host.tool("debugfs", [...mode, "-f", script, imageFile], {
    quiet: true,
    ...(options.clockSeconds === undefined ? {} : { env: fixedClock(options.clockSeconds) }),
  });
  const fault = stderr
    .split("\n")
    .find((line) => line.trim() !== "" && !BANNER.test(line) && !options.ignore?.test(line));
  if (fault === undefined) return stdout;
  const full = /no space|Could not allocate/i.test(fault);
  throw new TplError({
    code: full ? "disk-too-small" : "overlay-failed",
    message: `the image was not written: ${fault.trim()}`,
    ...(full ? { hint: "give the file system more room (sizeMiB)" } : {}),
  });
}

/**
 * debugfs repeats each command (`debugfs: stat …`) before its answer. It prints a symlink's target as it is, so one with
 * such a line in it could answer for another path: then nothing is believed.
 */
function answers(stdout: string, commands: readonly string[]): string[] {
  if ((stdout.match(/^debugfs: /gm) ?? []).length !== commands.length)
    throw new TplError({
      code: "overlay-failed",
      message: "the image has a symlink whose target looks like an answer of debugfs",
      hint: "the image was made to deceive: do not use it",
    });
  let at = 0;
  return commands.map((command, i) => {
    const echo = `debugfs: ${command}\n`;
    const begin = stdout.indexOf(echo, at);
    if (begin < 0) throw new Error(`bug: debugfs did not repeat ${JSON.stringify(command)}`);
    at = begin + echo.length;
    const next = commands[i + 1];
    const end = next === undefined ? stdout.length : stdout.indexOf(`debugfs: ${next}\n`, at);
    return stdout.slice(at, end < 0 ? stdout.length : end);
  });
}

/** From the output of debugfs' `stat`; undefined for an empty one. */
export function parseStat(text: string): InodeFacts | undefined {
  const head = /^Inode: (\d+) +Type: ([a-zA-Z ]+?) +Mode: +(\d+)/.exec(text);
  if (!head) return undefined;
  const owner = /^User: +(\d+) +Group: +(\d+)(?: +Project: +\d+)? +Size: (\d+)/m.exec(text);
  const link = /^Fast link dest: "([\s\S]*)"$/m.exec(text);
  return {
    inode: Number(head[1]),
    type: head[2]!,
    mode: Number.parseInt(head[3]!, 8),
    uid: Number(owner?.[1] ?? 0),
    gid: Number(owner?.[2] ?? 0),
    sizeBytes: Number(owner?.[3] ?? 0),
    links: Number(/^Links: (\d+)/m.exec(text)?.[1] ?? 0),
    isPlain: isPlain(text),
    ...(link ? { linkTarget: link[1]! } : {}),
  };
}

/** EXT4_EXTENTS_FL and EXT4_INLINE_DATA_FL (inodes.rst, `i_flags`). */
const LAYOUT_FLAGS = 0x1008_0000;

function isPlain(text: string): boolean {
  const flags = Number(/ Flags: (0x[0-9a-f]+)/.exec(text)?.[1] ?? LAYOUT_FLAGS + 1);
  const attributes = /^Extended attributes:\n((?: {2}.*\n?)*)/m.exec(text)?.[1] ?? "";
  // Content that lies in the inode is kept as an attribute.
  const foreign = attributes.split("\n").some((line) => line !== "" && !line.startsWith("  system.data "));
  return (flags & ~LAYOUT_FLAGS) === 0 && !foreign && /^File ACL: 0$/m.test(text);
}
