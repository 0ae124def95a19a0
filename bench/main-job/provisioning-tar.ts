/** The provisioning files as a tar: the same list as the step writes, for a script to unpack over a root. */
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { provisioningFiles } from "../../src/plugins/provision/files.ts";
import { staticBusybox } from "../../src/vm/initramfs.ts";

const run = promisify(execFile);

/** Returns the tar's path, in `folder`. Its entries are files and symlinks alone: folders keep their modes. */
export async function provisioningTar(folder: string): Promise<string> {
  const tree = join(folder, "provisioning");
  const busybox = await readFile(await staticBusybox());
  const options = { hostname: "tplgraph", nameservers: ["1.1.1.1", "8.8.8.8"], busybox };
  const names: string[] = [];
  for (const file of provisioningFiles(options)) {
    if (file.kind === "dir") continue;
    const path = join(tree, file.path);
    await mkdir(dirname(path), { recursive: true });
    if (file.kind === "symlink") await symlink(file.target, path);
    else await writeFile(path, file.content, { mode: file.mode });
    names.push(`.${file.path}`);
  }
  const tar = `${tree}.tar`;
  await run("tar", ["--create", `--file=${tar}`, "--owner=0", "--group=0", `--directory=${tree}`, ...names]);
  return tar;
}
