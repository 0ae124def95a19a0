import { execFileSync } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type CliResult, cli, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

const MIB = 1024 * 1024;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const at = (name: string) => join(folder.path, name);
const tool = (name: string, ...args: string[]) =>
  execFileSync(name, args, { encoding: "utf8", stdio: "pipe" });
const artifacts = (...args: string[]): Promise<CliResult> =>
  cli(["artifacts", ...args, "--store", at("store"), "--json"]);

beforeAll(async () => {
  folder = await temporaryFolder();
  tool("mkdir", at("files"));
  tool("dd", "if=/dev/urandom", `of=${at("files/random")}`, "bs=1M", "count=5");
  tool("mke2fs", "-q", "-t", "ext4", "-d", at("files"), at("source.ext4"), "512M");
  const imported = await artifacts("import", at("source.ext4"), "--tag", "source");
  expect(imported.exitCode, imported.stderr).toBe(0);
});
afterAll(async () => {
  expect(leftovers(at("store"))).toEqual([]);
  await folder[Symbol.asyncDispose]();
});

it("an exported qcow2 file is whole, holds what the image holds, and no more than that", async () => {
  const exported = await artifacts("export", "source", "-o", at("source.qcow2"), "--format", "qcow2");
  expect(exported.exitCode, exported.stderr).toBe(0);
  expect(JSON.parse(exported.stdout)).toMatchObject({ format: "qcow2", path: at("source.qcow2") });
  tool("qemu-img", "check", at("source.qcow2"));
  tool("qemu-img", "compare", at("source.ext4"), at("source.qcow2"));
  const { blocks } = statSync(at("source.ext4"));
  expect(statSync(at("source.qcow2")).size).toBeLessThan(blocks * 512 + 8 * MIB);
  expect(readdirSync(folder.path).filter((name) => name.endsWith(".partial"))).toEqual([]);
});

it("what is imported again from it is the same image", async () => {
  const imported = await artifacts("import", at("source.qcow2"), "--tag", "again");
  expect(imported.exitCode, imported.stderr).toBe(0);
  const [source, again] = await Promise.all(["source", "again"].map((ref) => artifacts("inspect", ref)));
  expect(JSON.parse(again!.stdout).artifact).toEqual(JSON.parse(source!.stdout).artifact);
});

it("one on a backing file is refused, one without a file system too, and nothing gets a name", async () => {
  tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/hostname", "-F", "raw", at("on.qcow2"), "64M");
  const onAnother = await artifacts("import", at("on.qcow2"), "--tag", "bad");
  expect([onAnother.exitCode, onAnother.stderr]).toEqual([
    2,
    expect.stringContaining("differs from another"),
  ]);
  tool("qemu-img", "create", "-q", "-f", "qcow2", at("empty.qcow2"), "64M");
  const empty = await artifacts("import", at("empty.qcow2"), "--tag", "bad");
  expect([empty.exitCode, empty.stderr]).toEqual([1, expect.stringContaining("holds no ext4 file system")]);
  const { stdout } = await artifacts("ls");
  expect(stdout).not.toContain('"bad:latest"');
});

it("a damaged chunk is named, and the file that was there stays", async () => {
  writeFileSync(at("kept.qcow2"), "as it was");
  const store = at("damaged");
  tool("cp", "-a", at("store"), store);
  flipChunks(store);
  const target = ["-o", at("kept.qcow2"), "--format", "qcow2", "--force"];
  const result = await cli(["artifacts", "export", "source", ...target, "--store", store]);
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(/image sha256:\S+: /);
  expect(tool("cat", at("kept.qcow2"))).toBe("as it was");
});

/** Flips a byte every 64 KiB of whatever the store keeps its chunks in, but not of its records. */
function flipChunks(store: string): void {
  const large = tool("find", store, "-type", "f", "-size", "+32k").trim().split("\n");
  for (const file of large.filter((path) => !/\.(db|sqlite)/.test(path)))
    for (let at = 1000; at < statSync(file).size; at += 65536)
      tool("sh", "-c", `printf X | dd of='${file}' bs=1 seek=${at} conv=notrunc status=none`);
}
