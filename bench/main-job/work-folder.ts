/** A folder for what a bench makes, removed however the bench ends. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** `signal` is aborted by the first Ctrl-C: `work` is to end then. */
export async function inWorkFolder(
  work: (folder: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp("/var/tmp/tplgraph-bench-");
  await spreadFolders(folder);
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
  try {
    await work(folder, interrupted.signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A new file is slow to make where many were deleted in the last five minutes: ext4 looks for an inode that is not
 * among those (`recently_deleted`, fs/ext4/ialloc.c). So a round's files stay until the end, and each round has block
 * groups of its own, and others than the bench before: that is what attribute T asks for (chattr(1)).
 */
async function spreadFolders(folder: string): Promise<void> {
  const { stdout } = await run("stat", ["-f", "-c", "%T", folder]);
  if (stdout.trim() === "ext2/ext3") await run("chattr", ["+T", folder]);
}
