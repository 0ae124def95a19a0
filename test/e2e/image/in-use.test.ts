/** Commands that hold a disk: who is told to hold what, and what becomes of it when its server dies or its image is damaged. */
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { HeldRun } from "../../../src/image/held-runs.ts";
import { type CliResult, cli, start, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let store: string;
const at = (name: string) => join(folder.path, name);
const tool = (name: string, ...args: string[]) =>
  execFileSync(name, args, { encoding: "utf8", stdio: "pipe" });
const run = (...args: string[]): Promise<CliResult> => cli([...args, "--store", store]);
/** Of a file, so that it can be found again in the store. */
const MARK = Buffer.alloc(4096, "a marked block of a file ");

beforeAll(async () => {
  folder = await temporaryFolder();
  store = at("store");
  mkdirSync(at("files"));
  writeFileSync(at("files/marked"), Buffer.concat([MARK, MARK]));
  tool("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", at("files"), at("fs.ext4"), "32M");
  const imported = await run("artifacts", "import", at("fs.ext4"), "--tag", "fs");
  expect(imported.exitCode, imported.stderr).toBe(0);
});
afterAll(async () => {
  expect(leftovers(store)).toEqual([]);
  await folder[Symbol.asyncDispose]();
});

describe.skipIf(process.geteuid!() !== 0)("a mounted image", { timeout: 60_000 }, () => {
  it("is in use by its command, as `runs` and a dry cleanup tell, until it ends", async () => {
    const { child, done } = await mounted("one");
    const ls = JSON.parse((await run("runs", "ls", "--json")).stdout) as { inUse: HeldRun[] };
    expect(ls.inUse).toMatchObject([{ state: "live", pid: child.pid }]);
    const [holder] = ls.inUse;
    const kinds = holder!.held.map(({ acquisition }) => acquisition.kind);
    expect(kinds).toEqual(expect.arrayContaining(["export", "mount"]));
    expect(holder!.held.some(({ device }) => device?.startsWith("/dev/"))).toBe(true);
    const shown = await run("runs", "show", holder!.run);
    expect(shown.stdout).toMatch(new RegExp(`^run ${holder!.run}: goes on \\(pid ${child.pid}\\)`));
    expect(shown.stdout).toContain(`mount ${at("one")} (mount)`);
    const asJson = JSON.parse((await run("runs", "show", holder!.run, "--json")).stdout);
    expect(asJson).toMatchObject({ schema: "tplgraph.run/1", run: holder!.run, inUse: [{ pid: child.pid }] });
    const dry = await run("cleanup", "--dry-run");
    expect([dry.exitCode, dry.stdout]).toEqual([0, expect.stringContaining("goes on")]);
    child.kill("SIGINT");
    expect((await done).exitCode).toBe(0);
    expect(JSON.parse((await run("runs", "ls", "--json")).stdout).inUse).toEqual([]);
  });

  it("of which command and server were killed is told to be dead, and released by a cleanup", async () => {
    const { child, done } = await mounted("two");
    const host = hostPid();
    process.kill(host, "SIGSTOP");
    child.kill("SIGKILL");
    await done;
    process.kill(host, "SIGKILL");
    const dry = await vi.waitFor(async () => {
      const result = await run("cleanup", "--dry-run");
      expect(result.stdout).toMatch(/^run \S+: dead$/m);
      return result;
    }, 10_000);
    expect(dry.stdout).toContain(`mount ${at("two")}`);
    expect(mountsAt("two")).toBe(1);
    expect((await run("cleanup")).exitCode).toBe(0);
    expect(mountsAt("two")).toBe(0);
  });

  it("whose server is killed ends with an error that says so, and is released", async () => {
    const { child, done } = await mounted("three");
    process.kill(hostPid(), "SIGKILL");
    const { exitCode, stderr } = await done;
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("the disk host ended")]);
    expect(mountsAt("three")).toBe(0);
    expect(child.killed).toBe(false);
  });

  it("with a damaged chunk reads with an error where that is, and only there", async () => {
    expect(flipBlock(MARK)).toBeGreaterThan(0);
    const { child, done } = await mounted("four");
    expect(readdirSync(at("four")).sort()).toEqual(["lost+found", "marked"]);
    expect(() => tool("cat", at("four/marked"))).toThrow(/Input\/output error/);
    child.kill("SIGINT");
    const { exitCode } = await done;
    expect(exitCode).not.toBeNull();
    expect(mountsAt("four")).toBe(0);
  });
});

async function mounted(name: string): Promise<{ child: ChildProcess; done: Promise<CliResult> }> {
  mkdirSync(at(name));
  const { child, done } = start(["mount", "fs", at(name), "--store", store]);
  const ended = done.then(({ stderr }) => {
    throw new Error(`it ended: ${stderr}`);
  });
  ended.catch(() => {});
  const isMounted = vi.waitFor(() => expect(mountsAt(name)).toBe(1), { timeout: 20_000, interval: 50 });
  await Promise.race([isMounted, ended]);
  return { child, done };
}

function mountsAt(name: string): number {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.split(" ")[4] === at(name)).length;
}

/** Of the one run that goes on. */
function hostPid(): number {
  const [name] = readdirSync(join(store, "journal"));
  return JSON.parse(readFileSync(join(store, "journal", name!), "utf8").split("\n")[0]!).host.pid;
}

/** Changes a byte in each copy of `block` that the store's files have; how many there were. */
function flipBlock(block: Buffer): number {
  let flipped = 0;
  for (const path of tool("find", store, "-type", "f", "-size", "+4k").trim().split("\n")) {
    const bytes = readFileSync(path);
    for (let place = bytes.indexOf(block); place >= 0; place = bytes.indexOf(block, place + block.length)) {
      bytes[place]! ^= 1;
      flipped++;
    }
    if (flipped > 0) writeFileSync(path, bytes);
  }
  return flipped;
}
