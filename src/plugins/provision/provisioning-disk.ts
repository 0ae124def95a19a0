/**
 * The second disk of a provisioning boot: a tar of what the host brings, read straight from the block device and
 * unpacked into the guest's memory. Nothing of it is ever in the image.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StepContext } from "../../engine/plugin/context.ts";
import { BOOT_SCRIPT } from "./boot-scripts.ts";
import type { GuestFiles } from "./guest-apt.ts";

export interface ProvisioningDiskOptions {
  script: Buffer;
  env: Record<string, string>;
  /** What the guest's reports begin with. */
  nonce: string;
  files: GuestFiles;
}

/** Returns the path of the tar in `folder`; tar pads it to 10 KiB, so it is a whole number of sectors. */
export async function provisioningDisk(
  step: Pick<StepContext, "tool">,
  folder: string,
  { script, env, nonce, files }: ProvisioningDiskOptions,
): Promise<string> {
  const content: GuestFiles = new Map([
    ...files,
    ["boot", BOOT_SCRIPT],
    ["script", script],
    ["nonce", `${nonce}\n`],
    ["env", shellExports(env)],
  ]);
  const tree = join(folder, "guest");
  for (const [path, data] of content) {
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await writeFile(join(tree, path), data, { mode: path === "script" ? 0o755 : 0o644 });
  }
  const tar = join(folder, "guest.tar");
  await step.tool("tar", ["--create", `--file=${tar}`, "--owner=0", "--group=0", `--directory=${tree}`, "."]);
  return tar;
}

/** `export NAME='VALUE'` lines. Names are valid already. */
export function shellExports(env: Record<string, string>): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join("");
}
