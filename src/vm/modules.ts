/**
 * Kernel modules for an initramfs: which files a driver needs and in what order they are loaded, from depmod's
 * `modules.dep` and `modules.builtin` (kmod, modules.dep(5)).
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { TplError } from "../engine/errors.ts";
import type { GuestKernel } from "./kernel.ts";

/** Relative paths below the modules folder (`kernel/fs/ext4/ext4.ko`), each after what it depends on; built-in ones left out. */
export function loadOrder(wanted: readonly string[], modulesDep: string, modulesBuiltin: string): string[] {
  const builtin = new Set(modulesBuiltin.split("\n").filter(Boolean).map(moduleName));
  const paths = new Map<string, string>();
  const needs = new Map<string, string[]>();
  for (const line of modulesDep.split("\n")) {
    const [path, dependencies] = line.split(":");
    if (!path || dependencies === undefined) continue;
    paths.set(moduleName(path), path);
    needs.set(path, dependencies.split(" ").filter(Boolean));
  }
  const order = new Set<string>();
  for (const name of wanted) {
    if (builtin.has(name)) continue;
    const path = paths.get(name);
    if (path === undefined)
      throw new TplError({
        code: "no-guest-kernel",
        message: `the kernel for VMs has no module ${name}, built in or as a file`,
        hint: "apt-get install linux-image-cloud-amd64",
      });
    // modules.dep lists the deepest dependency last.
    for (const needed of (needs.get(path) ?? []).toReversed()) order.add(needed);
    order.add(path);
  }
  return [...order];
}

export interface KernelModule {
  /** File name without compression suffix: `ext4.ko`. */
  name: string;
  data: Buffer;
}

/** Modules and what they depend on, uncompressed, in load order. */
export async function readModules(kernel: GuestKernel, wanted: readonly string[]): Promise<KernelModule[]> {
  const text = (name: string) => readFile(join(kernel.modulesFolder, name), "utf8");
  const order = loadOrder(wanted, await text("modules.dep"), await text("modules.builtin"));
  return Promise.all(
    order.map(async (path) => ({
      name: basename(path).replace(/\.(gz|xz|zst)$/, ""),
      data: await uncompressed(join(kernel.modulesFolder, path)),
    })),
  );
}

async function uncompressed(path: string): Promise<Buffer> {
  const data = await readFile(path);
  if (path.endsWith(".gz")) return gunzipSync(data);
  if (path.endsWith(".zst")) return zstdDecompressSync(data);
  if (path.endsWith(".xz")) return xzDecompressed(path);
  return data;
}

/** Node has no xz; the tool is in every Debian (dpkg needs it). */
async function xzDecompressed(path: string): Promise<Buffer> {
  const { execa } = await import("execa");
  const { stdout } = await execa("xz", ["--decompress", "--stdout", path], { encoding: "buffer" });
  return Buffer.from(stdout);
}

/** `kernel/drivers/char/hw_random/virtio-rng.ko.xz` → `virtio_rng`: the kernel takes `-` and `_` for the same. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}
