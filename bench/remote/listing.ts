/** How long it takes until the root of an image that is far away can be listed. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Swift } from "../../test/e2e/s3/swift.ts";
import { project } from "../main-job/our-steps.ts";
import { rclone } from "./rclone.ts";

const run = promisify(execFile);

/** Seconds from the start of `tplgraph mount` on the empty store `empty` to the listing of what is mounted on `dir`. */
export async function mountedListing(
  config: string,
  { empty, dir }: { empty: string; dir: string },
): Promise<number> {
  const began = performance.now();
  const args = ["mount", "base:latest", dir, "--json", "--store", empty, "--config", config];
  const child = spawn(process.execPath, [join(project, "dist/cli/main.js"), ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once("data", () => resolve());
    child.once("exit", (status) => reject(new Error(`tplgraph mount exited ${status}`)));
  });
  await run("ls", [dir]);
  const seconds = (performance.now() - began) / 1000;
  await ended(child, "SIGINT");
  return seconds;
}

/** The same with the object `key` copied to `file` and mounted through a loop device. */
export async function plainListing(
  swift: Swift,
  key: string,
  { file, dir }: { file: string; dir: string },
): Promise<number> {
  const began = performance.now();
  await rclone(swift, "copyto", key, file);
  await run("mount", ["-o", "ro,loop", file, dir]);
  await run("ls", [dir]);
  const seconds = (performance.now() - began) / 1000;
  await run("umount", [dir]);
  return seconds;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const end = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await end;
}
