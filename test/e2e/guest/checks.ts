/**
 * What is checked of the kernel's NBD client, inside a guest that has it: our own attach code against our own server,
 * through the library, as a program uses it. Each check is an assertion of `kernel-nbd.test.ts`; they run in order.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Disks, type ImageArtifact, openDisks, openStore, type ScopedDisk } from "../../../src/nbd.ts";

const MIB = 1024 * 1024;
const STORE = "/tmp/store";

const store = await openStore({ path: STORE });
/** Made by one check, used by later ones. */
let image: ImageArtifact;

export const checks: Record<string, () => Promise<void>> = {
  async "a disk is a device of its size with sectors of 512 bytes, and free again when it is closed"() {
    await using disks = await openDisks({ store });
    const disk = await disks.open({ sizeBytes: 96 * MIB });
    const device = await disk.device();
    equal(device, "/dev/nbd0");
    equal(tool("blockdev", "--getsize64", device), String(96 * MIB));
    equal(tool("blockdev", "--getss", device), "512");
    equal(readFileSync("/sys/block/nbd0/queue/io_timeout", "utf8").trim(), "90000");
    await disk[Symbol.asyncDispose]();
    deepEqual(connected(), []);
    equal(tool("blockdev", "--getsize64", device), "0");
  },

  async "doctor says that it works, having tried it"() {
    const doctor = spawnSync(process.execPath, [
      "/app/dist/cli/main.js",
      "doctor",
      "--json",
      "--store",
      STORE,
    ]);
    const { findings } = JSON.parse(doctor.stdout.toString()) as {
      findings: { id: string; ways?: object }[];
    };
    const works = { ok: true };
    const ways = { kernelNbd: works, nbdfuse: works, loop: works, mount: works };
    deepEqual(findings.find(({ id }) => id === "attach")?.ways, ways);
    deepEqual(connected(), []);
  },

  async "is made a file system of, mounted, written, sealed, and mounted read-only as it was left"() {
    await using disks = await openDisks({ store });
    const disk = await disks.open({ sizeBytes: 96 * MIB });
    tool("mke2fs", "-q", "-t", "ext4", await disk.device());
    const path = await disk.mount();
    writeFileSync(`${path}/random`, randomBytes(8 * MIB));
    const digest = tool("sha256sum", `${path}/random`).slice(0, 64);
    image = await disk.seal();
    equal(image.bytes, 96 * MIB);

    const again = await disks.open({ image, readOnly: true });
    const device = await again.device();
    equal(tool("blockdev", "--getro", device), "1");
    throws(() => tool("dd", "if=/dev/zero", `of=${device}`, "count=1"), /not permitted|read-only/i);
    equal(tool("sha256sum", `${await again.mount()}/random`).slice(0, 64), digest);
    await again.unmount();
    equal(await again.fault(), undefined);
  },

  async "fio finds again what it wrote, at random places, several requests at a time"() {
    await using disks = await openDisks({ store });
    const disk = await disks.open({ sizeBytes: 64 * MIB });
    const fio = ["--name=verify", `--filename=${await disk.device()}`, "--rw=randwrite", "--bsrange=512-64k"];
    tool("fio", ...fio, "--size=12M", "--direct=1", "--ioengine=libaio", "--iodepth=16", "--verify=crc32c");
  },

  async "what is trimmed leaves the overlay, and the image"() {
    await using disks = await openDisks({ store });
    const disk = await disks.open({ image });
    const path = await disk.mount({ options: [] });
    tool("rm", `${path}/random`);
    writeFileSync(`${path}/large`, randomBytes(24 * MIB));
    tool("sync", "--file-system", path);
    const { dirtyBytes: full } = await disk.stats();
    ok(full > 24 * MIB, `${full} bytes`);
    tool("rm", `${path}/large`);
    tool("sync", "--file-system", path);
    tool("fstrim", path);
    const { dirtyBytes: trimmed } = await disk.stats();
    ok(trimmed < 4 * MIB, `${trimmed} bytes`);
    const sealed = await disk.seal();
    const stored = await disks.open({ image: sealed, readOnly: true });
    ok(dataBytes(stored.uri) < 8 * MIB);
  },

  async "a view larger than its image is a larger device, on which the file system grows while it is mounted"() {
    await using disks = await openDisks({ store });
    const disk = await disks.open({ image, sizeBytes: 256 * MIB });
    const path = await disk.mount();
    tool("resize2fs", await disk.device());
    const blocks = Number(tool("stat", "-f", "-c", "%b", path));
    const size = Number(tool("stat", "-f", "-c", "%S", path));
    ok(blocks * size > 200 * MIB, `${blocks} blocks of ${size} bytes`);
    await disk.unmount();
    tool("e2fsck", "-fn", await disk.device());
  },

  async "two runs that want the same device at once get different ones, each with its own disk"() {
    await using first = await openDisks({ store });
    await using second = await openDisks({ store });
    for (let round = 1; round <= 4; round++) {
      // All are sent before any is answered, half of them by each run.
      const opened = await Promise.all([1, 2, 3, 4].map((place) => sized(place % 2 ? first : second, place)));
      const devices = await Promise.all(opened.map(({ disk }) => disk.device()));
      equal(new Set(devices).size, 4);
      for (const [i, device] of devices.entries()) {
        equal(tool("blockdev", "--getsize64", device), String(opened[i]!.sizeBytes));
        equal(tool("blockdev", "--getro", device), String(Number(opened[i]!.readOnly)));
      }
      await Promise.all(opened.map(({ disk }) => disk[Symbol.asyncDispose]()));
      deepEqual(connected(), []);
    }
  },

  async "where every device is taken a loop device is used"() {
    await using disks = await openDisks({ store });
    const open = async () => (await disks.open({ sizeBytes: MIB })).device();
    const devices = [];
    for (const name of readdirSync("/sys/block")) if (name.startsWith("nbd")) devices.push(await open());
    ok(devices.every((device) => device.startsWith("/dev/nbd")));
    ok((await open()).startsWith("/dev/loop"));
  },

  async "another's device is left alone"() {
    await using disks = await openDisks({ store });
    const others = await disks.open({ sizeBytes: MIB });
    const name = ["-name", others.exportName];
    tool("nbd-client", "-unix", others.socketPath, "/dev/nbd0", ...name, "-timeout", "90");
    const disk = await disks.open({ sizeBytes: 2 * MIB });
    equal(await disk.device(), "/dev/nbd1");
    await disks.close();
    deepEqual(connected(), ["nbd0"]);
    tool("nbd-client", "-d", "/dev/nbd0");
    deepEqual(connected(), []);
  },

  async "a server that is killed in the middle fails what is under way, and its device is released"() {
    const disks = await openDisks({ store });
    const disk = await disks.open({ sizeBytes: 64 * MIB });
    const device = await disk.device();
    const writing = spawn("dd", ["if=/dev/zero", `of=${device}`, "bs=64k", "oflag=direct"], {
      stdio: "pipe",
    });
    const said = text(writing);
    while ((await disk.stats()).writtenBytes < MIB) await pause(20);
    process.kill(hostOf(disks.run), "SIGKILL");
    const killedMs = performance.now();
    const [exitCode] = await once(writing, "close");
    equal(exitCode, 1);
    ok(performance.now() - killedMs < 45_000, "it waited until the request timed out");
    ok((await said).includes("Input/output error"));
    await disks.close();
    deepEqual(connected(), []);
  },

  async "so is that of a mounted disk whose server was killed"() {
    const disks = await openDisks({ store });
    const disk = await disks.open({ image });
    const path = await disk.mount();
    process.kill(hostOf(disks.run), "SIGKILL");
    throws(() => tool("sh", "-c", `echo x > ${path}/file && sync -f ${path}/file`));
    await disks.close();
    deepEqual(connected(), []);
    ok(!readFileSync("/proc/mounts", "utf8").includes("/dev/nbd"));
  },

  async "a run that was killed with its disk host is cleaned up by the command"() {
    const child = spawn(process.execPath, ["/app/test/e2e/guest/holding.js", STORE], { stdio: "pipe" });
    const line = await once(createInterface(child.stdout), "line");
    const { run: id, device } = JSON.parse(String(line));
    ok(device.startsWith("/dev/nbd"));
    const host = hostOf(id);
    process.kill(host, "SIGSTOP"); // it must not notice that its run is gone
    child.kill("SIGKILL");
    await once(child, "close");
    process.kill(host, "SIGKILL");
    deepEqual(connected(), [device.slice("/dev/".length)]);
    const cleanup = ["/app/dist/cli/main.js", "cleanup", "--store", STORE];
    const stdout = tool(process.execPath, ...cleanup);
    ok(stdout.includes(`released: NBD device ${device}`), stdout);
    deepEqual(connected(), []);
    ok(!existsSync(`${STORE}/journal/${id}.jsonl`));
  },
};

async function sized(disks: Disks, place: number) {
  const readOnly = place > 2;
  const sizeBytes = place * MIB;
  const disk: ScopedDisk = await disks.open({ sizeBytes, readOnly });
  return { disk, sizeBytes, readOnly };
}

/** Names of the devices that have a client. */
function connected(): string[] {
  return readdirSync("/sys/block").filter((name) => existsSync(`/sys/block/${name}/pid`));
}

function hostOf(run: string): number {
  return JSON.parse(readFileSync(`${STORE}/journal/${run}.jsonl`, "utf8").split("\n")[0]!).host.pid;
}

/** Its output; throws with what it said when it fails. */
function tool(name: string, ...args: string[]): string {
  return execFileSync(name, args, { encoding: "utf8", stdio: "pipe" }).trim();
}

async function text(child: ChildProcess): Promise<string> {
  let all = "";
  for await (const part of child.stderr!) all += part;
  return all;
}

/** What of an export is not known to be zeros. */
function dataBytes(uri: string): number {
  const map = JSON.parse(tool("nbdinfo", "--map", "--json", uri)) as { length: number; type: number }[];
  return map.filter(({ type }) => (type & 2) === 0).reduce((sum, { length }) => sum + length, 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
