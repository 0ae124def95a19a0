/** Clients that others wrote, against a copy-on-write view: nbdinfo, nbdcopy, qemu-img, qemu-io, nbdfuse. */
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type CowView,
  deviceError,
  emptyMap,
  exportImage,
  importFile,
  loadMap,
  NbdServer,
  openView,
} from "../../../src/image/index.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { zeroDevice } from "../../../src/testing/devices.ts";
import { seeded } from "../../image/seeded.ts";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;

let folder: string;
let socketPath: string;
let server: NbdServer;
let blobs: ReturnType<typeof folderBlobs>;
const views: CowView[] = [];
const log: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nbd-clients-"));
  socketPath = join(folder, "socket");
  blobs = folderBlobs(join(folder, "store"));
  log.length = 0;
  server = new NbdServer({ log: (line) => log.push(line) });
  await server.listen(socketPath);
});
afterEach(async () => {
  await server.close();
  await Promise.all(views.splice(0).map((view) => view.close()));
  await rm(folder, { recursive: true });
});

const uri = (name: string) => `nbd+unix:///${name}?socket=${socketPath}`;

async function serve(name: string, view: Promise<CowView>): Promise<CowView> {
  const opened = await view;
  views.push(opened);
  server.addExport(name, opened);
  return opened;
}

const overlayOf = (name: string) => join(folder, `${name}.overlay`);

function empty(name: string, sizeBytes = SIZE): Promise<CowView> {
  return serve(name, openView({ blobs, map: emptyMap(sizeBytes), overlayPath: overlayOf(name) }));
}

/** A file with data, holes and an odd end, and an export of the same. */
async function source(name: string): Promise<{ path: string; content: Buffer; view: CowView }> {
  const content = Buffer.alloc(SIZE);
  const random = seeded(7);
  for (let at = 0; at < SIZE; at += 4 * MIB) random.bytes(random.below(4 * MIB)).copy(content, at);
  const path = join(folder, `${name}.raw`);
  await writeFile(path, content);
  const map = await loadMap(blobs, await importFile(blobs, path));
  return { path, content, view: await serve(name, openView({ blobs, map, overlayPath: overlayOf(name) })) };
}

describe("nbdinfo", () => {
  test("sees the exports as they are", async () => {
    await empty("one");
    await serve(
      "two",
      openView({ blobs, map: emptyMap(12345), overlayPath: overlayOf("two"), readOnly: true }),
    );
    const { stdout } = await execa("nbdinfo", ["--list", "--json", uri("")]);
    expect(JSON.parse(stdout).exports).toMatchObject([
      {
        "export-name": "one",
        "export-size": SIZE,
        is_read_only: false,
        can_flush: true,
        can_fua: true,
        can_trim: true,
        can_zero: true,
        can_multi_conn: true,
        can_cache: true,
        block_size_minimum: 1,
        block_size_preferred: 4096,
        block_size_maximum: 32 * MIB,
      },
      { "export-name": "two", "export-size": 12345, is_read_only: true, can_trim: false },
    ]);
    expect(log).toEqual([]);
  });
});

describe("nbdcopy", () => {
  test("copies out and in over several connections, and the result seals to the same image", async () => {
    const { path, content, view } = await source("from");
    const to = await empty("to");
    await execa("nbdcopy", [uri("from"), join(folder, "out.raw")]);
    expect((await readFile(join(folder, "out.raw"))).equals(content)).toBe(true);
    await execa("nbdcopy", ["--flush", "--connections=4", path, uri("to")]);
    expect(await to.seal()).toEqual(await view.seal());
    await execa("nbdcopy", [uri("to"), uri("from")]);
    expect(log).toEqual([]);
  });

  test("fails with the server's error", async () => {
    server.addExport("bad", {
      ...zeroDevice(SIZE),
      write: async () => {
        throw deviceError("ENOSPC", "full");
      },
    });
    const path = join(folder, "in.raw");
    await writeFile(path, seeded(8).bytes(SIZE));
    const result = await execa("nbdcopy", [path, uri("bad")], { reject: false });
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toContain("No space left on device");
  });
});

describe("qemu", () => {
  test("converts and compares", async () => {
    const { path } = await source("from");
    const to = await empty("to");
    await execa("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", path, uri("to")]);
    await execa("qemu-img", ["compare", "-f", "raw", "-F", "raw", uri("from"), uri("to")]);
    await execa("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", uri("to"), join(folder, "out.qcow2")]);
    await execa("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", path, join(folder, "out.qcow2")]);
    expect(to.stats().writtenBytes).toBeLessThan(SIZE);
    expect(log).toEqual([]);
  });

  test("writes, zeroes, discards, flushes and reads back at odd offsets", async () => {
    const view = await empty("disk");
    const commands = [
      "write -P 0xaa 0 1M",
      "write -P 0xbb 513 70000",
      "write -f -P 0xcc 5M 512",
      "write -z 4k 8k",
      "write -z -u 100k 64k",
      "discard 512k 128k",
      "aio_write -P 0xdd 8M 1M",
      "aio_write -P 0xee 9M 1M",
      "aio_flush",
      "flush",
      "read -P 0xaa 0 513",
      "read -P 0xbb 513 3583",
      "read -P 0 4k 8k",
      "read -P 0xbb 12k 50k",
      "read -P 0 100k 64k",
      "read -P 0 512k 128k",
      "read -P 0xcc 5M 512",
      "read -P 0xdd 8M 1M",
      "read -P 0xee 9M 1M",
    ];
    const args = ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), uri("disk")];
    const { stdout } = await execa("qemu-io", args);
    expect(stdout).not.toContain("verification failed");
    expect(view.fault()).toBeUndefined();
    expect(log).toEqual([]);
  });
});

describe("nbdfuse", () => {
  test.skipIf(!existsSync("/dev/fuse"))("makes a file of it, on which mkfs and e2fsck agree", async () => {
    const view = await empty("disk");
    const mountPoint = join(folder, "fuse");
    await mkdir(mountPoint);
    const file = join(mountPoint, "nbd");
    const fuse = execa("nbdfuse", ["-P", join(folder, "pid"), mountPoint, "--unix", socketPath], {
      stdio: "ignore",
      reject: false,
    });
    try {
      await appears(join(folder, "pid"), folder);
      await execa("mkfs.ext4", ["-q", "-F", file]);
      const listing = join(folder, "listing.txt");
      await writeFile(listing, "hello\n".repeat(100_000));
      await execa("debugfs", ["-w", "-R", `write ${listing} listing.txt`, file]);
      await execa("e2fsck", ["-fn", file]);
      const { stdout } = await execa("debugfs", ["-R", "cat listing.txt", file]);
      expect(stdout).toBe("hello\n".repeat(100_000).trimEnd());
    } finally {
      await execa("fusermount3", ["-u", mountPoint]);
      await fuse;
    }
    const image = await view.seal();
    await exportImage(blobs, image, join(folder, "out.ext4"));
    await execa("e2fsck", ["-fn", join(folder, "out.ext4")]);
    expect(view.stats().dirtyBytes).toBeLessThan(SIZE / 4);
    expect(log).toEqual([]);
  });
});

/** nbdfuse writes its pid file when the mount is ready. */
async function appears(path: string, folder: string): Promise<void> {
  const watcher = watch(folder);
  try {
    while (!existsSync(path)) await once(watcher, "change");
  } finally {
    watcher.close();
  }
}
