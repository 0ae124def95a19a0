/**
 * The kernel that guests boot: one of this machine's own, with its modules. Debian's cloud kernel is preferred:
 * it is small, and has the virtio drivers as modules.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TplError } from "../engine/errors.ts";

export interface GuestKernel {
  /** `6.1.0-18-cloud-amd64`; names the modules folder. */
  release: string;
  /** The bzImage. */
  path: string;
  /** `/lib/modules/RELEASE`. */
  modulesFolder: string;
}

export interface KernelFolders {
  boot: string;
  modules: string;
}

const FOLDERS: KernelFolders = { boot: "/boot", modules: "/lib/modules" };

/** The newest cloud kernel that has its modules, else the newest of any kind. Throws TplError `no-guest-kernel`. */
export async function findKernel(folders: KernelFolders = FOLDERS): Promise<GuestKernel> {
  const withModules = new Set(await namesIn(folders.modules));
  const releases = (await namesIn(folders.boot))
    .filter((name) => name.startsWith("vmlinuz-"))
    .map((name) => name.slice("vmlinuz-".length))
    .filter((release) => withModules.has(release))
    .sort(byPreference);
  const release = releases[0];
  if (release === undefined)
    throw new TplError({
      code: "no-guest-kernel",
      message: `there is no kernel for VMs: no ${folders.boot}/vmlinuz-* with its modules in ${folders.modules}`,
      hint: "apt-get install linux-image-cloud-amd64",
    });
  return {
    release,
    path: join(folders.boot, `vmlinuz-${release}`),
    modulesFolder: join(folders.modules, release),
  };
}

/** Cloud kernels first, then newer ones first. */
function byPreference(a: string, b: string): number {
  const cloud = Number(b.includes("cloud")) - Number(a.includes("cloud"));
  return cloud || b.localeCompare(a, "en", { numeric: true });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
