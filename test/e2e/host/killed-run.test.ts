import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cleanupDeadRuns } from "../../../src/image/cleanup.ts";
import { diskHostServices } from "../../../src/image/host/client.ts";
import { leftOfRun, processesOf } from "./left-of-run.ts";
import { closeDisk, folderBlobsOf, startServices, temporaryStore } from "./services.ts";

/**
 *   holding-run.ts ──IPC──▶ disk host ──▶ nbdfuse
 *        └──▶ sh, busy in the mount          (loop, mount: the kernel's)
 */
describe.skipIf(process.geteuid!() !== 0)("what a killed run held", { timeout: 60_000 }, () => {
  let store: string;
  const started: ChildProcess[] = [];

  beforeEach(async () => {
    store = await temporaryStore();
  });

  afterEach(async () => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
    await vi.waitFor(async () => {
      await cleanupDeadRuns(store);
      expect((await cleanupDeadRuns(store)).runs).toEqual([]);
    }, 20_000);
    await rm(store, { recursive: true });
  });

  it("is released within 5 s of a SIGKILL, and other runs go on", async () => {
    const other = await startServices(store);
    const opened = await other.openDisk("other", { sizeBytes: 1024 * 1024 });
    const file = await opened.disk.file();
    const { child, run } = await holdingRun();
    expect(leftOfRun(store, run).length).toBeGreaterThanOrEqual(8);
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(leftOfRun(store, run)).toEqual([]), { timeout: 5000, interval: 50 });

    expect(readFileSync(file).length).toBe(1024 * 1024);
    expect((await opened.disk.seal()).bytes).toBe(1024 * 1024);
    await closeDisk(opened);
    expect(await other.close()).toEqual([]);
  });

  it.each([2, 3, 4, 5, 6, 7])(
    "is released when it was killed with %i things taken or being taken",
    async (taken) => {
      const child = startRun();
      const run = await vi.waitFor(() => runThatTook(taken), { timeout: 10_000, interval: 1 });
      child.kill("SIGKILL");
      await vi.waitFor(() => expect(leftOfRun(store, run)).toEqual([]), { timeout: 5000, interval: 50 });
    },
  );

  it("is released by a cleanup when the disk host was killed too", async () => {
    const { child, run } = await holdingRun();
    child.kill("SIGSTOP"); // so that it cannot end between the two
    hostOf(store, run).kill();
    child.kill("SIGKILL");
    await once(child, "exit");
    // Two mounts, a loop device, two folders and the journal. What reads from the dead host may end by itself.
    const lasting = leftOfRun(store, run).filter((line) => !line.startsWith("process "));
    expect(lasting).toHaveLength(6);
    const { runs } = await cleanupDeadRuns(store);
    expect(runs).toEqual([expect.objectContaining({ run, fate: "released", failures: [] })]);
    expect(leftOfRun(store, run)).toEqual([]);
  });

  it("is released by a cleanup when the disk host hangs", async () => {
    const { child, run } = await holdingRun();
    process.kill(hostOf(store, run).pid, "SIGSTOP");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await cleanupDeadRuns(store)).toMatchObject({ runs: [{ run, fate: "released", failures: [] }] });
    expect(leftOfRun(store, run)).toEqual([]);
  });

  it("is nothing when the run could not even start, and what another one has stays", async () => {
    const origin = { ...folderBlobsOf(store), open: "noSuchFunction" };
    const start = diskHostServices({ store, blobs: origin });
    await expect(start("rbroken1")).rejects.toThrow("noSuchFunction");
    const another = "/run/tplgraph/rbroken2";
    await mkdir(another, { recursive: true });
    await expect(diskHostServices({ store, blobs: folderBlobsOf(store) })("rbroken2")).rejects.toThrow(
      "EEXIST",
    );
    expect(leftOfRun(store, "rbroken1")).toEqual([]);
    expect(leftOfRun(store, "rbroken2")).toEqual([another]);
    await rmdir(another);
  });

  it("is released when only the disk host was killed, by the run itself", async () => {
    const services = await startServices(store);
    const opened = await services.openDisk("test", { sizeBytes: 1024 * 1024 });
    await opened.disk.device();
    const held = await services.journal.take("test", { kind: "file", path: `${services.runFolder}/x` });
    hostOf(store, services.run).kill();
    await expect(services.openDisk("test", { sizeBytes: 512 })).rejects.toMatchObject({
      code: "disk-host-died",
    });
    expect(await services.died).toMatchObject({ code: "disk-host-died" });
    // What the steps' own cleanup finds is no failure: releasing it is what `close` does.
    await opened.close(AbortSignal.timeout(5000));
    await held.released();
    expect(await services.close()).toEqual([]);
    expect(leftOfRun(store, services.run)).toEqual([]);
  });

  it("is not released while the run lives: by no cleanup, and by no Ctrl-C", async () => {
    const { child, run, answers } = await holdingRun();
    const held = leftOfRun(store, run).filter((line) => !line.includes("sleep"));
    expect(await cleanupDeadRuns(store)).toEqual({ runs: [expect.objectContaining({ run, fate: "live" })] });
    process.kill(-child.pid!, "SIGINT");
    process.kill(hostOf(store, run).pid, "SIGTERM");
    child.stdin!.write("seal\n");
    expect(await next(answers)).toMatchObject({ type: "image" });
    expect(leftOfRun(store, run)).toEqual(expect.arrayContaining(held));
  });

  /** In a process group of its own, as a shell starts one. */
  function startRun() {
    const fixture = join(import.meta.dirname, "holding-run.ts");
    const child = spawn(process.execPath, [fixture, store], {
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    started.push(child);
    return child;
  }

  /** Throws until the store's only run has written down so many acquisitions. */
  function runThatTook(taken: number): string {
    const [name] = readdirSync(join(store, "journal"));
    const lines = readFileSync(join(store, "journal", name!), "utf8").split("\n");
    expect(lines.filter((line) => line.startsWith('{"take"')).length).toBeGreaterThanOrEqual(taken);
    return name!.replace(".jsonl", "");
  }

  async function holdingRun() {
    const child = startRun();
    const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { run } = (await next(answers)) as { run: string };
    expect(processesOf(run).length).toBeGreaterThanOrEqual(3);
    return { child, run, answers };
  }
});

async function next(lines: AsyncIterator<string>): Promise<unknown> {
  const line = await lines.next();
  return line.done ? undefined : JSON.parse(line.value);
}

function hostOf(store: string, run: string): { pid: number; kill(): void } {
  const header = readFileSync(join(store, "journal", `${run}.jsonl`), "utf8").split("\n")[0]!;
  const { pid } = JSON.parse(header).host as { pid: number };
  return { pid, kill: () => process.kill(pid, "SIGKILL") };
}
