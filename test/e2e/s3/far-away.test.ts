/**
 * A machine with an empty store, and images that only the bucket has: what is fetched when one is looked at, and what
 * comes of it when the bucket goes away meanwhile.
 *
 * The tests' process is the proxy that the bytes come through: it never waits for what reads them but by an event.
 */
import { type ChildProcess, execFile, execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { RemoteOptions } from "../../../src/store/objects/open.ts";
import { s3Bench } from "./bucket.ts";
import { machineIn, until } from "./machine.ts";

const MIB = 2 ** 20;
const GIB = 1024 * MIB;
const FILES = 16;
const FILE_BYTES = 8 * MIB;
const s3 = s3Bench();
const run = promisify(execFile);
let folder: string;
let remote: RemoteOptions & { url: string };
/** Of the files in the image. */
const digests: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tplgraph-far-"));
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "large"), { recursive: true });
  for (let i = 0; i < FILES; i++) {
    const content = randomBytes(FILE_BYTES);
    digests.push(createHash("sha256").update(content).digest("hex"));
    writeFileSync(join(tree, `large/${i}`), content);
  }
  for (let i = 0; i < 2000; i++) writeFileSync(join(tree, `small-${i}`), `small ${i}\n`);
  const image = join(folder, "first.ext4");
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", tree, image, "1G"]);
  remote = await s3.bucket();
  const home = machine("home");
  await home.run("artifacts", "import", "first.ext4", "--tag", "far:first");
  const changed = join(folder, "changed.ext4");
  execFileSync("cp", ["--sparse=always", image, changed]);
  execFileSync("debugfs", ["-w", "-R", `write ${join(tree, "small-7")} added`, changed], { stdio: "ignore" });
  await home.run("artifacts", "import", "changed.ext4", "--tag", "far:changed");
  const pushed = await home.run("store", "push", "far:first", "far:changed");
  expect(pushed, pushed.stderr).toMatchObject({ exitCode: 0 });
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => s3.proxy.reset());

const machine = (name: string, more: object = {}) =>
  machineIn(folder, name, { remote: { ...remote, ...more } });

async function mounted(name: string, more: object = {}) {
  const dir = join(folder, `${name}-mount`);
  mkdirSync(dir);
  const { child, done } = machine(name, more).start("mount", "far:first", dir, "--json");
  await told(child);
  return { dir, child, done };
}

/** When it has said that it is ready. */
async function told(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once("data", () => resolve());
    child.once("exit", () => reject(new Error("it ended")));
  });
}

const sha256 = async (path: string) => (await run("sha256sum", [path])).stdout.slice(0, 64);

test("listing the root of a mounted 1 GiB image takes a small part of its bytes", async () => {
  const { dir, child, done } = await mounted("lister");
  const { stdout } = await run("ls", [dir]);
  expect(stdout.trim().split("\n")).toHaveLength(2000 + 2);
  expect(s3.proxy.fetchedBytes).toBeGreaterThan(100_000);
  expect(s3.proxy.fetchedBytes).toBeLessThan(0.05 * FILES * FILE_BYTES);
  expect(await sha256(join(dir, "large/3"))).toBe(digests[3]);
  expect(s3.proxy.fetchedBytes).toBeLessThan(0.05 * FILES * FILE_BYTES + 1.5 * FILE_BYTES);
  child.kill("SIGINT");
  expect(await done).toMatchObject({ exitCode: 0 });
});

test("a bucket that goes away costs the reads that need it, until it is back", async () => {
  const { dir, child, done } = await mounted("reader", { attempts: 1 });
  expect(await sha256(join(dir, "large/0"))).toBe(digests[0]);
  s3.proxy.fail = () => ({ kind: "status", status: 503 });
  await expect(sha256(join(dir, "large/1"))).rejects.toMatchObject({
    stderr: expect.stringContaining("Input/output error"),
  });
  // What came before is here.
  expect(await sha256(join(dir, "large/0"))).toBe(digests[0]);
  let stderr = "";
  child.stderr!.on("data", (text) => {
    stderr += text;
  });
  await until(() => /far:first: reading failed, and may again: .*cannot be reached/.test(stderr));

  s3.proxy.reset();
  let again = "";
  for (let tries = 0; tries < 30 && again === ""; tries++) {
    again = await sha256(join(dir, "large/1")).catch(() => "");
    if (again === "") await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(again).toBe(digests[1]);

  // Away once more, and for good: it can be unmounted all the same.
  s3.proxy.fail = () => ({ kind: "reset-answer", afterBytes: 0 });
  await expect(sha256(join(dir, "large/2"))).rejects.toThrow();
  child.kill("SIGINT");
  expect(await done).toMatchObject({ exitCode: 0 });
  expect(
    (await run("findmnt", ["--noheadings", "--mountpoint", dir]).catch(() => ({ stdout: "" }))).stdout,
  ).toBe("");
});

test("it is served, exported, inspected and compared without a pull", async () => {
  const other = machine("other");
  const status = JSON.parse((await machine("asking").run("store", "status", "--json")).stdout);
  expect(status).toMatchObject({ refs: ["far:changed", "far:first"], pending: [] });
  const inspected = JSON.parse((await other.run("artifacts", "inspect", "far:first", "--json")).stdout);
  expect(inspected).toMatchObject({ state: "present", artifact: { type: "image", bytes: GIB } });
  expect(s3.proxy.fetchedBytes).toBeLessThan(MIB);

  s3.proxy.reset();
  const { stdout } = await machine("comparer").run(
    "artifacts",
    "diff",
    "far:first",
    "far:changed",
    "--files",
    "--json",
  );
  expect(JSON.parse(stdout).files).toEqual([expect.objectContaining({ path: "/added", kind: "added" })]);
  expect(s3.proxy.fetchedBytes).toBeLessThan(0.05 * FILES * FILE_BYTES);

  const socket = join(folder, "far.sock");
  const served = other.start("serve", "far:first", "--socket", socket);
  try {
    await until(() => existsSync(socket) || served.child.exitCode !== null);
    const { stdout: info } = await run("nbdinfo", ["--size", `nbd+unix:///?socket=${socket}`]);
    expect(Number(info)).toBe(GIB);
  } finally {
    served.child.kill("SIGTERM");
  }
  expect(await served.done).toMatchObject({ exitCode: 0 });

  // By its digest alone, too.
  const exported = await other.run("artifacts", "export", inspected.artifact.digest, "-o", "out.ext4");
  expect(exported, exported.stderr).toMatchObject({ exitCode: 0 });
  expect(await fileDigest("out.ext4")).toBe(await fileDigest("first.ext4"));
});

test("a name or a digest that neither has is a mistake; a bucket that cannot be asked is none", async () => {
  const { run: command } = machine("asker", { attempts: 1 });
  const nobody = "sha256:".padEnd(71, "0");
  const empty = mkdtempSync(join(folder, "empty-"));
  for (const args of [
    ["mount", "far:none", empty],
    ["serve", "far:none", "--port", "0"],
    ["artifacts", "export", "far:none", "-o", "none.ext4"],
    ["artifacts", "export", nobody, "-o", "none.ext4"],
    ["artifacts", "inspect", "far:none"],
    ["resume", "far:none"],
    ["store", "pull", "far:none"],
    ["store", "push", "far:none"],
  ])
    expect(await command(...args), args.join(" ")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/in the store or on s3:\/\/bucket-\d+\/team/),
    });
  expect(existsSync(join(folder, "none.ext4"))).toBe(false);
  s3.proxy.fail = () => ({ kind: "status", status: 503 });
  expect(await command("artifacts", "export", "far:first", "-o", "none.ext4")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("cannot be reached"),
  });
});

async function fileDigest(name: string): Promise<string> {
  const sum = createHash("sha256");
  await pipeline(createReadStream(join(folder, name)), sum);
  return sum.digest("hex");
}
