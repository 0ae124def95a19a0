/**
 * The root file system of a guest that runs our own code: this machine's Node and tools with the libraries they need,
 * the built package with its dependencies, the kernel's NBD module, and the programs of this folder.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { basename, dirname, join } from "node:path";
import { findTool } from "../../../src/engine/key/tool-version.ts";
import { staticBusybox } from "../../../src/vm/initramfs.ts";
import { findKernel } from "../../../src/vm/kernel.ts";
import { readModules } from "../../../src/vm/modules.ts";
import { root } from "../cli.ts";

/** Real ones where busybox's own differ, or where ours are called. */
const TOOLS = [
  ...[
    "mke2fs",
    "e2fsck",
    "resize2fs",
    "mount",
    "umount",
    "losetup",
    "fstrim",
    "blockdev",
    "sync",
    "rm",
    "dd",
    "stat",
  ],
  ...["nbd-client", "nbdfuse", "nbdinfo", "fio"],
];
const APPLETS = ["sh", "cat", "echo", "insmod", "poweroff", "sha256sum"];
/** Four devices, so that taking all of them is quick. */
const MODULES: Readonly<Record<string, string>> = { nbd: "nbds_max=4", loop: "", fuse: "" };
/** Loaded only where S3 is used. */
const LEFT_OUT = /^@(aws|smithy)/;
const SIZE_MIB = 640;

/** Makes the image at `path`; `folder` is where it is put together. */
export async function makeRootImage(path: string, folder: string): Promise<void> {
  for (const name of ["bin", "sbin", "lib/modules", "proc", "sys", "dev", "run", "tmp", "app", "etc"])
    mkdirSync(join(folder, name), { recursive: true });
  copyProgram(process.execPath, "/bin/node", folder);
  for (const name of TOOLS) copyProgram(findTool(name)!, `/bin/${name}`, folder);
  cpSync(await staticBusybox(), join(folder, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(folder, "bin", applet));
  const modules = await readModules(await findKernel(), Object.keys(MODULES));
  for (const { name, data } of modules) writeFileSync(join(folder, "lib/modules", name), data);
  writeFileSync(join(folder, "etc/hostname"), "guest\n");
  copyPackage(join(folder, "app"));
  writeFileSync(join(folder, "sbin/init"), initScript(modules.map(({ name }) => name)));
  chmodSync(join(folder, "sbin/init"), 0o755);
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", folder, path, `${SIZE_MIB}M`], { stdio: "pipe" });
}

function initScript(modules: readonly string[]): string {
  return `#!/bin/sh
export PATH=/bin:/sbin HOME=/tmp
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
${modules.map((name) => `insmod /lib/modules/${name} ${MODULES[name.replace(".ko", "")] ?? ""}`).join("\n")}
node /app/test/e2e/guest/main.js
poweroff -f
`;
}

function copyProgram(from: string, to: string, folder: string): void {
  const program = realpathSync(from);
  cpSync(program, join(folder, to));
  for (const library of librariesOf(program)) {
    const place = join(folder, library);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(realpathSync(library), place);
  }
}

/** Absolute paths, the dynamic loader's too. */
function librariesOf(program: string): string[] {
  const listed = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...listed.matchAll(/(?:=> |^\s+)(\/\S+)/gm)].map((match) => match[1]!);
}

function copyPackage(app: string): void {
  cpSync(join(root, "dist"), join(app, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(app, "package.json"));
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  for (const [path, entry] of Object.entries<{ dev?: boolean }>(lock.packages))
    if (path !== "" && !entry.dev && !LEFT_OUT.test(path.slice("node_modules/".length)))
      cpSync(join(root, path), join(app, path), { recursive: true });
  const programs = join(app, "test/e2e/guest");
  mkdirSync(programs, { recursive: true });
  for (const name of ["main.ts", "checks.ts", "holding.ts", "result.ts"])
    writeFileSync(
      join(programs, basename(name).replace(/ts$/, "js")),
      compiled(join(import.meta.dirname, name)),
    );
}

/** As the build does it: types off, `src` is `dist`, `.ts` is `.js`. */
function compiled(path: string): string {
  return stripTypeScriptTypes(readFileSync(path, "utf8"))
    .replaceAll("../../../src/", "../../../dist/")
    .replace(
      /(from|import\() ?"(\.[^"]+)\.ts"/g,
      (_, word: string, to: string) => `${word}${word === "from" ? " " : ""}"${to}.js"`,
    );
}
