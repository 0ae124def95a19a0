/**
 * The folders of a run. Sockets and mount points lie in a short place in memory, since the path of a socket is
 * at most 107 bytes (unix(7)); overlays and scratch files may be many GiB and lie beside the store, reached from
 * the short place through a link.
 */
import { lstatSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TplError } from "../../engine/errors.ts";
import type { JournalFile } from "./journal-file.ts";

export interface RunFolders {
  /** Sockets, mount points, files that nbdfuse serves. */
  short: string;
  /** Overlays and scratch folders. */
  scratch: string;
  /** `scratch` under a short path. */
  scratchLink: string;
}

/** Room for the run's id, a scratch folder and a socket's name in it. */
const MAX_BASE_BYTES = 60;

export function runFolders(store: string, run: string): RunFolders {
  const short = join(ownBase(), run);
  return { short, scratch: join(store, "scratch", run), scratchLink: join(short, "s") };
}

export function makeRunFolders(folders: RunFolders, journal: JournalFile): void {
  mkdirSync(dirname(folders.scratch), { recursive: true, mode: 0o700 });
  for (const path of [folders.scratch, folders.short]) makeOwn(path, journal);
  symlinkSync(folders.scratch, folders.scratchLink);
}

/** What is there already belongs to somebody else, and is not ours to remove. */
function makeOwn(path: string, journal: JournalFile): void {
  const held = journal.take("", { kind: "folder", path });
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") journal.released(held);
    throw error;
  }
}

/** A folder that nobody else can write to, as the kernel names it. */
function ownBase(): string {
  const base = basePath();
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const stat = lstatSync(base);
  if (!stat.isDirectory() || stat.uid !== process.geteuid!() || (stat.mode & 0o022) !== 0)
    throw new TplError({
      code: "unsafe-run-folder",
      message: `${base} is not a folder that only this user can write to`,
      hint: "remove it, or set XDG_RUNTIME_DIR",
    });
  return realpathSync(base);
}

function basePath(): string {
  const uid = process.geteuid!();
  if (uid === 0) return "/run/tplgraph";
  const runtime = process.env.XDG_RUNTIME_DIR;
  const base = runtime ? join(runtime, "tplgraph") : join(tmpdir(), `tplgraph-${uid}`);
  return Buffer.byteLength(base) <= MAX_BASE_BYTES ? base : `/tmp/tplgraph-${uid}`;
}
