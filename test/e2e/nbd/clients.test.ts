/** Clients that others wrote, against a copy-on-write view: nbdinfo, nbdcopy, qemu-img, qemu-io, nbdfuse. */
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deviceError, emptyMap, exportImage, NbdServer } from "../../../src/image/index.ts";
import { memoryDevice, zeroDevice } from "../../../src/testing/devices.ts";
import { seeded } from "../../image/seeded.ts";
import { MIB, type ServedViews, SIZE, serveViews } from "./served-views.ts";

let served: ServedViews;

beforeEach(async () => {
  served = await serveViews();
});
afterEach(() => served[Symbol.asyncDispose]());

describe("nbdinfo", () => {
  test("sees the exports as they are", async () => {
    const { uri, log } = served;
    await served.empty("one");
    await served.serve("two", { map: emptyMap(12345), readOnly: true });
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
        can_df: true,
        can_fast_zero: true,
        block_size_minimum: 1,
        block_size_preferred: 4096,
        block_size_maximum: 32 * MIB,
        contexts: ["base:allocation", "x-tplgraph:dirty"],
      },
      { "export-name": "two", "export-size": 12345, is_read_only: true, can_trim: false },
    ]);
    expect(log).toEqual([]);
  });
});

describe("a loopback port", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "[::1]"],
  ] as const)("of %s serves copies", async (host, inUri) => {
    const { content } = await served.source("from");
    const server = new NbdServer();
    const copy = Buffer.alloc(SIZE);
    server.addExport("copy", memoryDevice(copy));
    await server.listen({ port: 0, host });
    try {
      await execa("nbdcopy", [served.uri("from"), `nbd://${inUri}:${server.port}/copy`]);
    } finally {
      await server.close();
    }
    expect(copy.equals(content)).toBe(true);
  });
});

describe("nbdcopy", () => {
  test("copies out and in over several connections, and the result seals to the same image", async () => {
    const { uri, log, folder } = served;
    const { path, content, view } = await served.source("from");
    const to = await served.empty("to");
    await execa("nbdcopy", [uri("from"), join(folder, "out.raw")]);
    expect((await readFile(join(folder, "out.raw"))).equals(content)).toBe(true);
    await execa("nbdcopy", ["--flush", "--connections=4", path, uri("to")]);
    expect(await to.seal()).toEqual(await view.seal());
    await execa("nbdcopy", [uri("to"), uri("from")]);
    expect(log).toEqual([]);
  });

  test("fails with the server's error", async () => {
    const { uri, folder } = served;
    served.server.addExport("bad", {
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
    const { uri, log, folder } = served;
    const { path } = await served.source("from");
    const to = await served.empty("to");
    await execa("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", path, uri("to")]);
    await execa("qemu-img", ["compare", "-f", "raw", "-F", "raw", uri("from"), uri("to")]);
    await execa("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", uri("to"), join(folder, "out.qcow2")]);
    await execa("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", path, join(folder, "out.qcow2")]);
    expect(to.stats().writtenBytes).toBeLessThan(SIZE);
    expect(log).toEqual([]);
  });

  test("writes, zeroes, discards, flushes and reads back at odd offsets", async () => {
    const { uri, log } = served;
    const view = await served.empty("disk");
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
    const { log, folder, socketPath, blobs } = served;
    const view = await served.empty("disk");
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
