/** What every round of a bench of the main job begins with: a store that has base.yaml alone, and its image as a file. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runTemplate, tplgraph } from "./our-steps.ts";

/** base.yaml is built in `store` unless it is there. Returns the raw file of its image, in `folder`. */
export async function exportedBase(store: string, folder: string): Promise<string> {
  await mkdir(store, { recursive: true });
  const { record } = await runTemplate("base.yaml", store, []);
  const base = join(folder, "base.ext4");
  await tplgraph(["artifacts", "export", record.outputs.rootfs!.digest, "-o", base, "--store", store]);
  return base;
}
