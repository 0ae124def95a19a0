/** The examples of docs/library.md, as programs of a package that has installed this one from its tarball. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";
import { codeBlocks } from "./code-blocks.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  installPacked(folder.path);
  const [disk, device] = codeBlocks(join(root, "docs/library.md"));
  writeFileSync(join(folder.path, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder.path, "disk.ts"), disk!);
  writeFileSync(join(folder.path, "device.ts"), device!);
});
afterAll(() => folder[Symbol.asyncDispose]());

it.skipIf(process.geteuid!() !== 0)(
  "an image is made, written in a mount, grown, sealed, and nothing stays behind",
  async () => {
    const store = join(folder.path, "store");
    const output = execFileSync(process.execPath, ["disk.ts", store], { cwd: folder.path, encoding: "utf8" });
    const told = JSON.parse(output.trim().split("\n").at(-1)!);
    expect(told.image).toMatchObject({ type: "image", bytes: 64 * 1024 * 1024 });
    expect(told.grown).toMatchObject({ type: "image", bytes: 128 * 1024 * 1024 });
    expect(told.writtenBytes).toBeGreaterThan(0);
    expect(leftovers(store)).toEqual([]);
    expect(processesOf(folder.path)).toEqual([]);
  },
);

it("a device of one's own is served to a client", async () => {
  const child = spawn(process.execPath, ["device.ts", folder.path], {
    cwd: folder.path,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const uri = await firstLine(child);
  const copied = execFileSync("nbdcopy", [uri, "-"], { maxBuffer: 2 ** 21, encoding: "utf8" });
  expect(copied.length).toBe(1024 * 1024);
  expect(copied.slice(512 * 2047).trim()).toBe("2047");
  child.stdin!.end();
  const [exitCode] = await once(child, "exit");
  expect(exitCode).toBe(0);
});

/** As `npm install` of the tarball would, with this checkout's dependencies. */
function installPacked(place: string): void {
  const options = { encoding: "utf8", stdio: "pipe" } as const;
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", place];
  const tarball = execFileSync("npm", pack, { ...options, cwd: root }).trim();
  const modules = join(place, "node_modules");
  mkdirSync(modules);
  execFileSync("tar", ["-xzf", join(place, tarball), "-C", modules], options);
  execFileSync("mv", [join(modules, "package"), join(modules, "tplgraph")]);
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && name !== "tplgraph")
      symlinkSync(join(root, "node_modules", name), join(modules, name));
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
  return line;
}

/** Command lines that name `path`. */
function processesOf(path: string): string[] {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(path));
}
