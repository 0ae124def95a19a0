/**
 * The initramfs of our guests: a static busybox, the modules that reach a virtio disk, and `/init`. Built in
 * memory from this machine's kernel; the same kernel, busybox and script give the same bytes.
 */
import { access, open, readFile } from "node:fs/promises";
import { TplError } from "../engine/errors.ts";
import { type CpioEntry, cpioArchive } from "./cpio.ts";
import { INIT_SCRIPT } from "./init-script.ts";
import type { GuestKernel } from "./kernel.ts";
import { readModules } from "./modules.ts";

/** `crc32c_generic` is a soft dependency of jbd2 and ext4: modules.dep does not name it. */
const MODULES = [
  "virtio_pci",
  "virtio_blk",
  "virtio_console",
  "virtio_net",
  "virtio_rng",
  "crc32c_generic",
  "crc16",
  "mbcache",
  "jbd2",
  "ext4",
];

/** Uncompressed: unpacking it costs an emulated guest more than reading it. */
export async function buildInitramfs(kernel: GuestKernel): Promise<Buffer> {
  const modules = await readModules(kernel, MODULES);
  const folders = ["bin", "dev", "modules", "proc", "root", "sys"];
  const entries: CpioEntry[] = [
    ...folders.map((path) => ({ path, kind: "dir" as const, mode: 0o755 })),
    { path: "bin/busybox", kind: "file", mode: 0o755, data: await readFile(await staticBusybox()) },
    { path: "init", kind: "file", mode: 0o755, data: INIT_SCRIPT },
    {
      path: "modules/order",
      kind: "file",
      mode: 0o644,
      data: modules.map((module) => `${module.name}\n`).join(""),
    },
    ...modules.map((module) => ({
      path: `modules/${module.name}`,
      kind: "file" as const,
      mode: 0o644,
      data: module.data,
    })),
  ];
  return cpioArchive(entries);
}

const BUSYBOX_PATHS = ["/bin/busybox", "/usr/bin/busybox", "/usr/lib/busybox/busybox-static"];

/** This machine's busybox, which must run without shared libraries: it also becomes part of images. Throws TplError `no-static-busybox`. */
export async function staticBusybox(paths: readonly string[] = BUSYBOX_PATHS): Promise<string> {
  for (const path of paths) {
    try {
      await access(path);
    } catch {
      continue;
    }
    if (!hasInterpreter(await readHead(path))) return path;
  }
  throw new TplError({
    code: "no-static-busybox",
    message: `there is no static busybox on this machine (looked for ${paths.join(", ")})`,
    hint: "apt-get install busybox-static",
  });
}

/** Its program headers follow an executable's header; planning asks, and is to read no more than it needs. */
const HEAD_BYTES = 4096;

async function readHead(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return buffer;
}

/** Whether an ELF64 file names a dynamic loader: a program header of type PT_INTERP (3). (ELF-64 object file format, "Program header table") */
function hasInterpreter(elf: Buffer): boolean {
  const tableOffset = Number(elf.readBigUInt64LE(32));
  const entryBytes = elf.readUInt16LE(54);
  const count = elf.readUInt16LE(56);
  return Array.from({ length: count }, (_, i) => elf.readUInt32LE(tableOffset + i * entryBytes)).includes(3);
}
