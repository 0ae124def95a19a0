import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArtifactDamaged } from "../../../src/engine/errors.ts";
import { sha256 } from "../../../src/engine/key/canonical.ts";
import type { Services } from "../../../src/engine/run/services.ts";
import { readAhead } from "../../../src/plugins/ext4/read-ahead.ts";
import { leftOfRun } from "./left-of-run.ts";
import { closeDisk, startServices, temporaryStore } from "./services.ts";

const MIB = 1024 * 1024;

describe.skipIf(process.geteuid!() !== 0)("a disk of the disk host", { timeout: 60_000 }, () => {
  let store: string;
  let services: Services & { run: string };

  beforeEach(async () => {
    store = await temporaryStore();
    services = await startServices(store);
  });

  afterEach(async () => {
    expect(await services.close()).toEqual([]);
    expect(leftOfRun(store, services.run)).toEqual([]);
    await rm(store, { recursive: true });
  });

  async function makeFileSystem(sizeBytes: number) {
    const opened = await services.openDisk("test", { sizeBytes });
    execFileSync("mkfs.ext4", ["-q", await opened.disk.file()]);
    return opened;
  }

  it("is made, mounted, written, sealed, and shows the same when it is opened again", async () => {
    const { disk } = await makeFileSystem(64 * MIB);
    writeFileSync(join(await disk.mount(), "hello"), "world");
    await disk.unmount();
    execFileSync("e2fsck", ["-fn", await disk.file()], { stdio: "pipe" });
    const image = await disk.seal();
    expect(image.bytes).toBe(64 * MIB);

    const again = await services.openDisk("test", { image });
    const path = await again.disk.mount({ readOnly: true });
    expect(readFileSync(join(path, "hello"), "utf8")).toBe("world");
    expect(() => writeFileSync(join(path, "hello"), "there")).toThrow("read-only");
    await closeDisk(again);
    await closeDisk(again);
  });

  it("in a file of its own shows, grows and seals the same as a view", async () => {
    const image = await (await makeFileSystem(32 * MIB)).disk.seal();
    const same = await services.openDisk("test", { image, backing: "file" });
    expect(await same.disk.seal()).toEqual(image);

    const { disk } = await services.openDisk("test", { image, backing: "file", sizeBytes: 64 * MIB });
    expect(statSync(await disk.file()).size).toBe(64 * MIB);
    writeFileSync(join(await disk.mount({ options: ["nobarrier"] }), "hello"), "world".repeat(100_000));
    await disk.unmount();
    const sealed = await disk.seal();
    expect(sealed.bytes).toBe(64 * MIB);

    const again = await services.openDisk("test", { image: sealed, backing: "file", readOnly: true });
    const path = await again.disk.mount({ readOnly: true });
    expect(readFileSync(join(path, "hello"), "utf8")).toBe("world".repeat(100_000));
    await expect(again.disk.seal()).rejects.toMatchObject({ code: "disk-read-only" });
    await closeDisk(again);
  });

  it("grows, and seals to the digest it had when nothing was changed", async () => {
    const image = await (await makeFileSystem(32 * MIB)).disk.seal();
    const same = await services.openDisk("test", { image });
    expect(await same.disk.seal()).toEqual(image);

    const larger = await services.openDisk("test", { image, sizeBytes: 64 * MIB });
    const file = await larger.disk.file();
    execFileSync("e2fsck", ["-fp", file], { stdio: "pipe" });
    execFileSync("resize2fs", [file], { stdio: "pipe" });
    execFileSync("e2fsck", ["-fn", file], { stdio: "pipe" });
    expect((await larger.disk.seal()).bytes).toBe(64 * MIB);
  });

  it("gives the room of deleted files back", async () => {
    const { disk } = await makeFileSystem(64 * MIB);
    const path = await disk.mount();
    const file = join(path, "large");
    execFileSync("dd", ["if=/dev/urandom", `of=${file}`, "bs=1M", "count=20", "conv=fsync"], {
      stdio: "pipe",
    });
    expect((await disk.stats()).dirtyBytes).toBeGreaterThan(20 * MIB);
    execFileSync("rm", [file]);
    execFileSync("sync", ["-f", path]);
    await disk.unmount();
    expect((await disk.stats()).dirtyBytes).toBeLessThan(10 * MIB);
  });

  it("gives the same file and device at every call, also at once", async () => {
    const { disk } = await services.openDisk("test", { sizeBytes: MIB });
    const [file, device, sameFile, sameDevice] = await Promise.all([
      disk.file(),
      disk.device(),
      disk.file(),
      disk.device(),
    ]);
    expect([sameFile, sameDevice]).toEqual([file, device]);
    expect(device).toMatch(/^\/dev\/(loop|nbd)\d+$/);
  });

  it("shows to a tool, and at the next mount, what an NBD client wrote meanwhile", async () => {
    const { disk } = await services.openDisk("test", { sizeBytes: 16 * MIB });
    const file = await disk.file();
    execFileSync("mkfs.ext4", ["-q", "-L", "before", file]);
    const label = () => execFileSync("e2label", [file], { encoding: "utf8" }).trim();
    await disk.mount({ readOnly: true });
    await disk.unmount();
    expect(label()).toBe("before");
    const copy = join(store, "copy");
    execFileSync("nbdcopy", [disk.uri, copy]);
    execFileSync("mkfs.ext4", ["-q", "-F", "-L", "after", "-E", `root_owner=4711:4711`, copy]);
    execFileSync("nbdcopy", ["--flush", copy, disk.uri]);
    expect(label()).toBe("after");
    expect(statSync(await disk.mount()).uid).toBe(4711);
  });

  it("of tools alone: the kernel keeps for the next what one has read, and all that they write arrives", async () => {
    const { disk } = await services.openDisk("test", { sizeBytes: 16 * MIB, usedBy: "tools" });
    const file = await disk.file();
    const label = () => execFileSync("e2label", [file], { encoding: "utf8" }).trim();
    for (const written of ["one", "two"]) {
      execFileSync("mkfs.ext4", ["-q", "-F", "-L", written, file]);
      expect(label()).toBe(written);
      expect((await disk.read(1024 + 0x78, 3)).toString()).toBe(written);
    }
    const copy = join(store, "copy");
    execFileSync("nbdcopy", [disk.uri, copy]);
    execFileSync("e2label", [copy, "three"]);
    execFileSync("nbdcopy", ["--flush", copy, disk.uri]);
    expect(label()).toBe("two");
    expect((await disk.read(1024 + 0x78, 5)).toString()).toBe("three");
  });

  it("of tools alone is read ahead: a check has little left to fetch from the store", async () => {
    const { disk: made } = await services.openDisk("test", { sizeBytes: 64 * MIB });
    const content = join(store, "content");
    for (let i = 0; i < 300; i++) {
      await mkdir(join(content, `${i}`), { recursive: true });
      await writeFile(join(content, `${i}/file`), Buffer.alloc(20_000, i));
    }
    execFileSync("mkfs.ext4", ["-q", "-F", "-d", content, await made.file()]);
    const image = await made.seal();
    const fetchedByCheck = async (usedBy: "anyone" | "tools") => {
      const { disk } = await services.openDisk("test", { image, usedBy });
      await readAhead(disk, undefined);
      const before = (await disk.stats()).readBytes;
      execFileSync("e2fsck", ["-fn", await disk.file()], { stdio: "pipe" });
      return (await disk.stats()).readBytes - before;
    };
    const unprepared = await fetchedByCheck("anyone");
    expect(unprepared).toBeGreaterThan(MIB);
    expect(await fetchedByCheck("tools")).toBeLessThan(unprepared / 5);
  });

  it("tells the digest of a file's content by where that lies", async () => {
    const { disk } = await services.openDisk("test", { sizeBytes: 4 * MIB });
    const content = Buffer.from(Array.from({ length: 4 * MIB }, (_, i) => i % 251));
    await writeFile(join(store, "content"), content);
    execFileSync("nbdcopy", [join(store, "content"), disk.uri]);
    const ranges = [{ offset: 3 * MIB, bytes: 1000 }, { bytes: 77 }, { offset: 17, bytes: 2 * MIB }];
    const first = content.subarray(3 * MIB, 3 * MIB + 1000);
    const wanted = Buffer.concat([first, Buffer.alloc(77), content.subarray(17, 17 + 2 * MIB)]);
    expect(await disk.digest(ranges)).toBe(`sha256:${sha256(wanted)}`);
  });

  it("is not unmounted under a process that uses it, which is named", async () => {
    const { disk } = await makeFileSystem(32 * MIB);
    const path = await disk.mount();
    const holder = spawn("sleep", ["1000"], {
      cwd: path,
      env: { ...process.env, TPLGRAPH_RUN: services.run },
    });
    await once(holder, "spawn");
    await expect(disk.unmount()).rejects.toMatchObject({
      code: "mount-busy",
      message: expect.stringContaining(`sleep (pid ${holder.pid})`),
    });
    await expect(disk.seal()).rejects.toMatchObject({ code: "mount-busy" });
    holder.kill();
    await once(holder, "exit");
    await disk.unmount();
  });

  it("is closed although a process of its run still uses it", async () => {
    const opened = await makeFileSystem(32 * MIB);
    const path = await opened.disk.mount();
    const holder = spawn("sleep", ["1000"], {
      cwd: path,
      env: { ...process.env, TPLGRAPH_RUN: services.run },
    });
    await once(holder, "spawn");
    await closeDisk(opened);
    expect(holder.exitCode ?? holder.signalCode ?? (await once(holder, "exit"))).toBeTruthy();
  });

  it("tells of the damaged chunk behind a tool's I/O error", async () => {
    const { disk } = await services.openDisk("test", { sizeBytes: MIB });
    execFileSync("dd", ["if=/dev/urandom", `of=${await disk.file()}`, "bs=64K", "count=4", "conv=notrunc"], {
      stdio: "pipe",
    });
    const image = await disk.seal();
    await truncate(join(store, "packs", "1.pack"), 1000);
    const damaged = await services.openDisk("test", { image });
    const file = await damaged.disk.file();
    expect(() => execFileSync("dd", [`if=${file}`, "of=/dev/null"], { stdio: "pipe" })).toThrow();
    const fault = await damaged.fault();
    expect(fault).toBeInstanceOf(ArtifactDamaged);
    expect(fault).toMatchObject({ digest: image.digest });
    await closeDisk(damaged);
    expect(await damaged.fault()).toBeInstanceOf(ArtifactDamaged);
  });

  it("refuses what is not an ext4 file system with the tool's words", async () => {
    const { disk } = await services.openDisk("test", { sizeBytes: MIB });
    await expect(disk.mount()).rejects.toMatchObject({
      code: "tool-failed",
      command: expect.arrayContaining(["mount"]),
    });
  });

  it("surfaces a failed write-back when it is unmounted, with its cause, and lets go", async () => {
    const small = join(store, "small");
    await mkdir(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "none", small]);
    try {
      const inSmall = await startServices(small);
      const opened = await inSmall.openDisk("test", { sizeBytes: 128 * MIB });
      execFileSync("mkfs.ext4", ["-q", await opened.disk.file()]);
      const file = join(await opened.disk.mount(), "large");
      execFileSync("dd", ["if=/dev/urandom", `of=${file}`, "bs=1M", "count=30"], { stdio: "pipe" });
      const lost = { code: "overlay-failed", message: expect.stringContaining("ENOSPC") };
      await expect(opened.disk.unmount()).rejects.toMatchObject(lost);
      await expect(opened.disk.seal()).rejects.toMatchObject(lost);
      await closeDisk(opened);
      expect(await inSmall.close()).toEqual([]);
      expect(leftOfRun(small, inSmall.run)).toEqual([]);
    } finally {
      execFileSync("umount", [small]);
    }
  });

  it("is refused without a size, and a sealed one is closed", async () => {
    await expect(services.openDisk("test", {})).rejects.toMatchObject({ code: "bad-disk-size" });
    const { disk } = await services.openDisk("test", { sizeBytes: MIB });
    await disk.seal();
    await expect(disk.file()).rejects.toThrow(/bug: disk d\d is closed/);
  });

  it("is no longer stored once nobody waits for it", async () => {
    const path = join(store, "raw");
    await writeFile(path, "");
    await truncate(path, 1024 * MIB);
    const cancel = new AbortController();
    const image = services.putImage(path, { signal: cancel.signal });
    cancel.abort(new Error("enough"));
    await expect(image).rejects.toThrow("enough");
  });

  it("is stored from a file, and files are, but not from a mount of the same host", async () => {
    const path = join(store, "raw");
    await writeFile(path, Buffer.alloc(MIB, "data"));
    const added: number[] = [];
    const onAdded = (bytes: number) => void added.push(bytes);
    const image = await services.putImage(path, { onAdded });
    expect(await services.putImage(path, { onAdded })).toEqual(image);
    const opened = await services.openDisk("test", { image }, { onAdded });
    expect(await readFile(await opened.disk.file())).toEqual(await readFile(path));
    expect(await opened.disk.seal()).toEqual(image);
    await opened.close(new AbortController().signal);
    // Sixteen chunks that are alike, and the map; after that nothing that is new.
    expect(added).toEqual([expect.toSatisfy((bytes) => bytes > 65536 && bytes < 2 * 65536), 0, 0]);
    expect(await services.putFile(path)).toMatchObject({ type: "file", bytes: MIB });

    const { disk } = await makeFileSystem(32 * MIB);
    const mount = await disk.mount();
    await expect(services.putFile(join(mount, "x"))).rejects.toThrow("bug");
  });
});
