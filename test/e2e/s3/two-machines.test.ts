/**
 * Two machines, each with a store of its own, and one bucket:
 *
 *     data.ext4 ──▶ taken (import) ──▶ grown (resize)          the second machine changes grown's size alone
 */
import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Plan } from "../../../src/engine/plan/plan.ts";
import type { RunEvent } from "../../../src/engine/run/event.ts";
import type { RunRecord } from "../../../src/engine/run/record.ts";
import type { RemoteOptions } from "../../../src/store/objects/open.ts";
import { s3Bench } from "./bucket.ts";
import { type MachineOptions, machineIn, until } from "./machine.ts";

const MIB = 2 ** 20;
const CONTENT_BYTES = 48 * MIB;
const s3 = s3Bench();
let folder: string;
let remote: RemoteOptions & { url: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tplgraph-machines-"));
  mkdirSync(join(folder, "tree/etc"), { recursive: true });
  writeFileSync(join(folder, "tree/etc/hostname"), "far-away\n");
  writeFileSync(join(folder, "tree/content"), randomBytes(CONTENT_BYTES));
  const image = join(folder, "data.ext4");
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", join(folder, "tree"), image, "96M"]);
  writeFileSync(
    join(folder, "grown.yaml"),
    `name: grown
params: { diskMiB: 128 }
steps:
  taken: { uses: ext4/import, with: { file: ./data.ext4 } }
  grown: { uses: ext4/resize, with: { image: "\${{ steps.taken.image }}", sizeMiB: "\${{ params.diskMiB }}" } }
outputs:
  rootfs: \${{ steps.grown.image }}
`,
  );
  remote = await s3.bucket();
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => s3.proxy.reset());

function machine(name: string, more: MachineOptions = {}) {
  const one = machineIn(folder, name, { ...more, remote: { ...remote, ...more.remote } });
  return {
    ...one,
    async plan(...flags: string[]): Promise<Plan> {
      const { stdout, stderr } = await one.run("plan", "grown.yaml", "--json", ...flags);
      if (!stdout) throw new Error(stderr);
      return JSON.parse(stdout) as Plan;
    },
  };
}

const fates = (plan: Plan) => plan.nodes.map(({ fate }) => fate);

test("the first machine builds and uploads, once", async () => {
  const first = machine("first");
  const built = await first.run("run", "grown.yaml");
  expect(built).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/uploaded .* to s3:\/\/bucket-/),
  });
  expect(s3.proxy.sentBytes).toBeGreaterThan(CONTENT_BYTES);
  s3.proxy.reset();
  expect(await first.run("run", "grown.yaml")).toMatchObject({ exitCode: 0 });
  expect(s3.proxy.requests).toEqual([]);
  const again = await first.run("store", "push", "grown:latest", "--json");
  expect(JSON.parse(again.stdout)).toMatchObject({
    schema: "tplgraph.push/1",
    sent: 0,
    refs: ["grown:latest"],
  });
});

test("a second machine with an empty store has hits, and fetches no content for them", async () => {
  const second = machine("second");
  const result = await second.run("run", "grown.yaml", "--json");
  expect(result.exitCode).toBe(0);
  expect(JSON.parse(result.stdout)).toMatchObject({ ok: true, counts: { hit: 2, built: 0 } });
  expect(s3.proxy.fetchedBytes).toBeLessThan(10_000);
});

test("it fetches only what a step reads, and uploads only what that changed", async () => {
  const second = machine("second");
  const { nodes, summary } = await second.plan("-p", "diskMiB=512");
  expect(nodes[1]).toMatchObject({ id: "grown", bytesToFetch: summary.bytesToFetch });
  expect(summary.bytesToFetch).toBeGreaterThan(CONTENT_BYTES);
  expect(summary.bytesToFetch).toBeLessThan(1.1 * CONTENT_BYTES);
  const result = await second.run("run", "grown.yaml", "-p", "diskMiB=512", "--json");
  expect(result.exitCode, result.stderr).toBe(0);
  expect(JSON.parse(result.stdout)).toMatchObject({ counts: { hit: 1, built: 1 } });
  expect(s3.proxy.fetchedBytes).toBeLessThan(0.1 * 96 * MIB);
  expect(s3.proxy.sentBytes).toBeLessThan(0.05 * CONTENT_BYTES);
});

test("an image that only the remote has can be served, and is whole", async () => {
  const third = machine("third");
  const file = join(folder, "out.ext4");
  const pulled = await third.run("store", "pull", "grown:latest", "--json");
  expect(pulled.exitCode, pulled.stderr).toBe(0);
  expect(JSON.parse(pulled.stdout)).toMatchObject({ schema: "tplgraph.pull/1", refs: ["grown:latest"] });
  expect(s3.proxy.requests.length).toBeLessThan(100);
  s3.proxy.fail = () => ({ kind: "status", status: 503 });
  expect(await third.run("artifacts", "export", "grown:latest", "-o", file)).toMatchObject({ exitCode: 0 });
  expect(execFileSync("e2fsck", ["-fn", file], { encoding: "utf8" })).toMatch(/11\/|\d+\/\d+ files/);
  expect(await third.run("artifacts", "verify")).toMatchObject({ exitCode: 0 });

  s3.proxy.reset();
  const fourth = machine("fourth");
  const socket = join(folder, "served.sock");
  const served = fourth.start("serve", "grown:latest", "--socket", socket);
  try {
    await until(() => existsSync(socket) || served.child.exitCode !== null);
    const uri = `nbd+unix:///?socket=${socket}`;
    // Not by a call that waits: this process is the proxy that the bytes come through.
    await promisify(execFile)("qemu-img", ["compare", "-f", "raw", "-F", "raw", uri, file]);
  } finally {
    served.child.kill("SIGTERM");
  }
  expect(await served.done).toMatchObject({ exitCode: 0 });
});

test("what the remote has too leaves the store when it grows beyond its bound", async () => {
  const { store, run } = machine("third", { cache: { maxBytes: "16MiB" } });
  expect(bytesIn(store)).toBeGreaterThan(CONTENT_BYTES);
  expect(await run("store", "pull", "grown:latest")).toMatchObject({ exitCode: 0 });
  expect(bytesIn(store)).toBeLessThan(24 * MIB);
  // What has gone is only a request away.
  rmSync(join(folder, "out.ext4"), { force: true });
  expect(await run("artifacts", "export", "grown:latest", "-o", "out.ext4")).toMatchObject({ exitCode: 0 });
});

test("a remote that is away is a reason, not a failure, and is told what it missed later", async () => {
  const fifth = machine("fifth", { remote: { timeout: "1s", attempts: 1 } });
  s3.proxy.fail = () => ({ kind: "silence" });
  const plan = await fifth.plan("-p", "diskMiB=640");
  expect(fates(plan)).toEqual(["miss", "pending"]);
  expect(plan.nodes[0]!.reason).toMatchObject({ code: "store-unreachable" });
  const begun = Date.now();
  const flags = ["-p", "diskMiB=640", "--result", "fifth-result.json"];
  const built = await fifth.run("run", "grown.yaml", ...flags);
  expect(built).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/without the remote[\s\S]*not uploaded/),
  });
  expect(Date.now() - begun).toBeLessThan(30_000);

  const about = { remote: remote.url, ok: false, error: { code: "store-unreachable" } };
  const record = JSON.parse(readFileSync(join(folder, "fifth-result.json"), "utf8")) as RunRecord;
  expect(record).toMatchObject({ ok: true, upload: about });
  expect(JSON.parse((await fifth.run("runs", "show", record.run, "--json")).stdout)).toMatchObject({
    upload: about,
  });
  expect((await fifth.run("runs", "show")).stdout).toMatch(/not uploaded to .*\n +still to be uploaded/);
  expect(JSON.parse((await fifth.run("runs", "show", record.run, "--json")).stdout)).toMatchObject(record);

  s3.proxy.reset();
  const later = await machine("fifth").run("run", "grown.yaml", "-p", "diskMiB=640", "--progress", "json");
  const events = later.stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as RunEvent);
  expect(events.map(({ type }) => type)).toContain("upload-progress");
  expect(events.at(-1)).toMatchObject({ type: "run-finished", upload: { ok: true, records: 2 } });
  // The run that it was left from is told, too.
  const shown = await fifth.run("runs", "show", record.run);
  expect(shown.stdout).toMatch(/\nuploaded .* to s3:/);
  const plain = await machine("sixth").plan("-p", "diskMiB=640");
  expect(fates(plain)).toEqual(["hit", "hit"]);
});

test("an upload that is interrupted ends at once, with the build done and kept", async () => {
  const ninth = machine("ninth");
  let begun = false;
  s3.proxy.fail = ({ method, path }) => {
    if (method !== "PUT" || !path.includes(".pack")) return undefined;
    begun = true;
    return { kind: "silence" };
  };
  const flags = ["-p", "diskMiB=1024", "--result", "ninth-result.json"];
  const running = ninth.start("run", "grown.yaml", ...flags);
  await until(() => begun);
  running.child.kill("SIGINT");
  expect(await running.done).toMatchObject({
    exitCode: 130,
    stderr: expect.stringContaining("not uploaded"),
  });
  const record = JSON.parse(readFileSync(join(folder, "ninth-result.json"), "utf8")) as RunRecord;
  expect(record).toMatchObject({ ok: true, upload: { ok: false, error: { code: "interrupted" } } });
  s3.proxy.reset();
  const pushed = await ninth.run("store", "push", "--json");
  expect(JSON.parse(pushed.stdout)).toMatchObject({ schema: "tplgraph.upload/1", ok: true, records: 1 });
  expect(JSON.parse((await ninth.run("runs", "show", record.run, "--json")).stdout).upload.ok).toBe(true);
});

test("a remote that goes away in the middle of a build costs the build of what it had", async () => {
  const seventh = machine("seventh", { remote: { timeout: "1s", attempts: 1 } });
  expect(fates(await seventh.plan("-p", "diskMiB=768"))).toEqual(["hit", "miss"]);
  s3.proxy.fail = ({ path }) => (path.includes(".pack") ? { kind: "status", status: 503 } : undefined);
  const result = await seventh.run("run", "grown.yaml", "-p", "diskMiB=768", "--json");
  expect(result.exitCode, result.stderr).toBe(0);
  expect(JSON.parse(result.stdout)).toMatchObject({ ok: true, counts: { built: 2 } });
});

test("a bit that is another on the way is noticed, and what it belongs to is built", async () => {
  const eighth = machine("eighth");
  s3.proxy.fail = ({ method, path }) =>
    method === "GET" && path.includes(".pack") ? { kind: "flip", atByte: 100 } : undefined;
  const result = await eighth.run("run", "grown.yaml", "-p", "diskMiB=896", "--json");
  expect(result.exitCode, result.stderr).toBe(0);
  expect(JSON.parse(result.stdout)).toMatchObject({ ok: true });
});

test("a push that is interrupted ends at once, and the next one goes on", async () => {
  const empty = await s3.bucket();
  const first = machine("first", { remote: empty });
  let packs = 0;
  s3.proxy.fail = ({ method, path }) => {
    if (method === "PUT" && path.includes(".index")) packs++;
    return packs >= 1 && method === "PUT" && path.includes("partNumber") ? { kind: "silence" } : undefined;
  };
  const pushing = first.start("store", "push", "grown:latest");
  await until(() => packs > 0);
  pushing.child.kill("SIGINT");
  expect(await pushing.done).toMatchObject({ exitCode: 130 });
  s3.proxy.reset();
  const pushed = await first.run("store", "push", "grown:latest", "--json");
  expect(pushed.exitCode, pushed.stderr).toBe(0);
  expect(JSON.parse(pushed.stdout).there).toBeGreaterThan(100);
});

test("wrong credentials and a missing bucket are told with what to do", async () => {
  const { run } = machine("first", { remote: { url: "s3://no-such-bucket" } });
  expect(await run("store", "push", "grown:latest")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/there is no bucket no-such-bucket[\s\S]*create the bucket/),
  });
  const secret = process.env.AWS_SECRET_ACCESS_KEY;
  process.env.AWS_SECRET_ACCESS_KEY = "wrong";
  const doctor = await machine("first").run("doctor", "--json");
  process.env.AWS_SECRET_ACCESS_KEY = secret!;
  expect(JSON.parse(doctor.stdout).findings.at(-1)).toMatchObject({
    id: "remote",
    state: "missing",
    hint: expect.stringContaining("AWS_ACCESS_KEY_ID"),
  });
});

function bytesIn(path: string): number {
  const files = readdirSync(path, { recursive: true, encoding: "utf8" });
  return files.reduce((sum, file) => sum + statSync(join(path, file)).size, 0);
}
