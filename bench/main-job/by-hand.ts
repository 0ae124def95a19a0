/** The steps of the main job in a shell script, up to the check: `by-hand.sh`, and the time that each took. */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { project } from "./our-steps.ts";

const run = promisify(execFile);

export const SEVEN_STEPS = ["source", "disk", "files", "overlaid", "shrunk", "resized", "checked"];

export interface ByHand {
  /** The source's image, a raw file. */
  base: string;
  /** The provisioning files. */
  tar: string;
  sizeMiB: number;
  /** Its disk, `root.ext4`, is left there. */
  folder: string;
  /** `raw`: the source is mounted from its file; `nbd`: served over NBD first, by nbdkit and nbdfuse. */
  source: "raw" | "nbd";
}

/** Seconds by step. */
export async function sevenStepsByHand(options: ByHand): Promise<Map<string, number>> {
  const { base, tar, sizeMiB, folder, source } = options;
  await mkdir(folder, { recursive: true });
  const script = join(project, "bench/main-job/by-hand.sh");
  const args = [script, base, tar, String(sizeMiB), folder, source];
  const { stdout } = await run("sh", args, { maxBuffer: 2 ** 26 });
  const lines = stdout.trim().split("\n");
  return new Map(lines.map((line) => [line.split(" ")[0]!, Number(line.split(" ")[1]) / 1000]));
}
