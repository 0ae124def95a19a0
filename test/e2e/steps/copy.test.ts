import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";
import { corpusImage, freshFileSystem } from "../corpus.ts";
import { startServices, temporaryStore } from "../host/services.ts";
import { differences, type Entry, listTree } from "../tree-listing.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

type Made = { image: ImageArtifact };
type Source = { tree: { path: string; readOnly: boolean } };

/**
 * What rsync cannot do: paths longer than PATH_MAX, with the other name of a file down there, and 1 TiB of zeros, which
 * it would read. It can copy 100,000 files from one folder, but takes long.
 */
const NOT_FOR_RSYNC = ["/deep", "/shallow-name-of-a-deep-file", "/sparse/tebibyte", "/many/file-"];

describe("the corpus", () => {
  let corpus: string;
  beforeAll(() => {
    corpus = corpusImage();
  });

  /** Both trees' listings, after checking the copy with e2fsck. */
  async function copied(
    bench: StepBench,
    inputs: object,
  ): Promise<Record<"before" | "after", Map<string, Entry>>> {
    const fresh = join(bench.folder, "fresh");
    freshFileSystem(fresh);
    const from = await bench.run<Source>(attachSource, { from: await bench.putImage(corpus) });
    const before = listTree(from.tree.path);
    const image = await bench.putImage(fresh);
    const made = await bench.run<Made>(copy, { from: from.tree, image, ...inputs });
    // Its own check first: e2fsck -p fails where it would have to repair more than a journal.
    const { tree } = await bench.run<Source>(attachSource, { from: made.image });
    return { before, after: listTree(tree.path) };
  }

  it("loses nothing by populate, served by the disk host", async () => {
    const store = await temporaryStore();
    const bench = await stepBench({ services: await startServices(store) });
    try {
      const { before, after } = await copied(bench, {});
      expect(differences(before, after)).toEqual([]);
      expect(before.size).toBeGreaterThan(100_300);
      expect(bench.log.join("\n")).toContain("populate: ");
      expect(before.get("/sealed/immutable")?.flags).toMatch(/i/);
      expect(Math.max(...[...before.keys()].map((path) => path.length))).toBeGreaterThan(4096);
      const told = bench.progress.filter(({ unit }) => unit === "bytes");
      expect(told.every(({ done, total }) => done > 0 && done <= total)).toBe(true);
    } finally {
      await bench[Symbol.asyncDispose]();
      await rm(store, { recursive: true });
    }
  });

  it("loses nothing by rsync either, but what it cannot do", async () => {
    await using bench = await stepBench();
    const { before, after } = await copied(bench, {
      method: "rsync",
      excludes: NOT_FOR_RSYNC.map((path) => `${path}*`),
    });
    for (const path of before.keys())
      if (NOT_FOR_RSYNC.some((start) => path.startsWith(start))) before.delete(path);
    expect(differences(before, after)).toEqual([]);
  });
});

/** Attributes in a block of their own, a file of several pieces, a folder of several blocks, hard links, every kind. */
const ONE_OF_EACH = `
  mkdir -p d/e many; for i in {1..700}; do echo $i > many/a-name-of-some-length-$i; done
  echo 1 > d/plain; ln d/plain hard; ln -s $(printf 't%.0s' {1..900}) d/long; ln -P d/long d/e/long; ln -s short link
  mknod d/null c 1 3; mknod d/far b 4000 100000; mkfifo d/e/fifo; chown 70000:80000 hard; chmod 4755 hard
  for i in 0 30 60 90 120 150; do echo $i | dd of=pieces bs=1 seek=\${i}0000 conv=notrunc status=none; done
  setfattr -n user.long -v $(printf 'v%.0s' {1..700}) d/plain; setfattr -n trusted.t -v 1 d/e; setfacl -m u:9:rx d
  chattr +d d/plain; chattr +A many; touch -h -a -d @5.000000007 link; truncate -s 3M hole
`;

/** A few files, and a fresh image to copy them to. */
async function small(bench: StepBench, script: string) {
  const path = join(bench.folder, "small");
  execFileSync("mkdir", [path]);
  execFileSync("bash", ["-ec", script], { cwd: path });
  const { image } = await bench.run<Made>(mkfs, { sizeMiB: 32 });
  return { from: { path, readOnly: true }, image };
}

async function treeOf(bench: StepBench, image: ImageArtifact): Promise<string> {
  return (await bench.run<Source>(attachSource, { from: image })).tree.path;
}

describe("rsync/copy", () => {
  it("leaves out what it is told to, and only that", async () => {
    await using bench = await stepBench();
    const inputs = await small(bench, "mkdir -p d/deep/er; echo 1 > plain; ln plain d/hard; touch sparse");
    const made = await bench.run<Made>(copy, { ...inputs, excludes: ["/d/deep", "sparse"] });
    const path = await treeOf(bench, made.image);
    const there = ["plain", "d/hard", "d/deep", "sparse"].map((name) => existsSync(join(path, name)));
    expect(there).toEqual([true, true, false, false]);
  });

  it("gives the same bytes by either way, into what mkfs made but for the files", async () => {
    await using bench = await stepBench();
    const inputs = await small(bench, ONE_OF_EACH);
    const header = (file: string) =>
      execFileSync("dumpe2fs", ["-h", file], { encoding: "utf8", stdio: "pipe" })
        .split("\n")
        .filter((line) => !/^(Free (blocks|inodes)|Checksum|Last checked|Lifetime writes):/.test(line));
    const first = (await bench.run<Made>(copy, inputs)).image;
    expect(header(bench.imagePath(first))).toEqual(header(bench.imagePath(inputs.image)));
    // From a tree that reading does not change.
    const from = { path: await treeOf(bench, first), readOnly: true };
    const direct = (await bench.run<Made>(copy, { ...inputs, from })).image;
    const merged = (await bench.run<Made>(copy, { ...inputs, from, method: "rsync" })).image;
    expect(merged.digest).toBe(direct.digest);
    const onto = { from, image: direct, excludes: ["/d/plain"] };
    const again = (await bench.run<Made>(copy, onto)).image;
    expect((await bench.run<Made>(copy, onto)).image.digest).toBe(again.digest);
    expect(differences(listTree(from.path), listTree(await treeOf(bench, again)))).toEqual([]);
  });

  it.each([[[]], [["-O", "bigalloc"]]])(
    "goes into an image that the kernel filled to the last block (mke2fs %j)",
    async (options) => {
      await using bench = await stepBench();
      const file = join(bench.folder, "filled");
      execFileSync("mke2fs", ["-q", "-t", "ext4", "-b", "4096", ...options, file, "64M"]);
      // Attributes that files share a block for; a file that has what the others left.
      const fill = `
        mkdir m; mount -o loop ${file} m; trap 'umount m; rmdir m' EXIT; cd m
        head -c 9M /dev/urandom > room; for i in {1..20}; do touch $i; setfattr -n user.same -v $(printf 'v%.0s' {1..900}) $i; done
        cat /dev/urandom > full 2> /dev/null || rm room; cd ..`;
      execFileSync("bash", ["-ec", fill], { cwd: bench.folder });
      const inputs = { ...(await small(bench, "echo 1 > new; mkdir d")), image: await bench.putImage(file) };
      const before = listTree(await treeOf(bench, inputs.image));
      const after = listTree(await treeOf(bench, (await bench.run<Made>(copy, inputs)).image));
      expect(differences(before, after).filter((line) => !line.startsWith("/:"))).toEqual([
        "/d: only after",
        "/new: only after",
      ]);
    },
  );

  it.each([
    ["blocks of 1 KiB, no extents", ["-t", "ext3", "-b", "1024"]],
    ["attributes with inodes of their own", ["-t", "ext4", "-b", "4096", "-O", "ea_inode"]],
    ["clusters", ["-t", "ext4", "-O", "bigalloc", "-b", "4096"]],
    ["content in inodes, no types in folders", ["-t", "ext4", "-O", "inline_data,^filetype", "-b", "4096"]],
    ["a file of orphans", ["-t", "ext4", "-O", "orphan_file", "-b", "4096"]],
  ])("loses nothing in a file system with %s", async (_what, options) => {
    await using bench = await stepBench();
    const inputs = await small(bench, ONE_OF_EACH);
    const file = join(bench.folder, "other");
    execFileSync("mke2fs", ["-q", ...options, "-I", "256", file, "64M"]);
    const image = await bench.putImage(file);
    for (const method of ["populate", "rsync"]) {
      const made = (await bench.run<Made>(copy, { ...inputs, image, method })).image;
      expect(differences(listTree(inputs.from.path), listTree(await treeOf(bench, made)))).toEqual([]);
      await bench.release();
    }
  });

  it("keeps the nanoseconds of a folder that changed in the second in which it is copied", async () => {
    await using bench = await stepBench();
    // A folder for each second in which the copy may come.
    const folders =
      "now=$(date +%s); for i in {0..59}; do mkdir -p $i/in; touch -d @$((now + i)).123456789 $i; done";
    const inputs = await small(bench, folders);
    const made = await bench.run<Made>(copy, { ...inputs, method: "rsync" });
    expect(differences(listTree(inputs.from.path), listTree(await treeOf(bench, made.image)))).toEqual([]);
  });

  it("goes into an image that has files already by rsync, and by populate refuses to", async () => {
    await using bench = await stepBench();
    const inputs = await small(bench, "echo 1 > one; touch fixed; chattr +i fixed");
    const first = await bench.run<Made>(copy, inputs);
    execFileSync("bash", ["-ec", "chattr -i fixed; rm one fixed; echo 2 > two"], { cwd: inputs.from.path });
    const onto = { from: inputs.from, image: first.image };
    await expect(bench.run(copy, { ...onto, method: "populate" })).rejects.toMatchObject({
      code: "target-not-empty",
    });
    const path = await treeOf(bench, (await bench.run<Made>(copy, onto)).image);
    expect(["one", "two", "fixed"].map((name) => existsSync(join(path, name)))).toEqual([true, true, true]);
  });

  it("fails, and says where, rather than leave out what is too deep for rsync", async () => {
    await using bench = await stepBench();
    const name = "d".repeat(250);
    const inputs = await small(
      bench,
      `for i in {1..20}; do mkdir ${name}; cd -P ${name}; done; touch bottom`,
    );
    await expect(bench.run(copy, { ...inputs, method: "rsync" })).rejects.toMatchObject({
      code: "copy-failed",
    });
    execFileSync("rm", ["-rf", inputs.from.path]);
  });

  it.each(["auto", "rsync"])(
    "says how much is missing, before it copies and in the middle (%s)",
    async (method) => {
      await using bench = await stepBench();
      const big = "dd if=/dev/urandom of=big bs=1M count=40 status=none";
      const inputs = { ...(await small(bench, big)), method };
      for (const excludes of method === "auto" ? [[]] : [[], ["/plain"]])
        await expect(bench.run(copy, { ...inputs, excludes })).rejects.toMatchObject({
          code: "disk-too-small",
          message: expect.stringMatching(/\d+ MiB are missing/),
        });
      expect(execFileSync("losetup", ["-a"], { encoding: "utf8" })).not.toContain(bench.folder);
    },
  );

  it("says that the disk is full where what is counted as nothing takes a block each", async () => {
    await using bench = await stepBench();
    const inputs = await small(bench, "true");
    const folders = "mount -t tmpfs none . && cd $PWD && mkdir {1..7800}";
    execFileSync("bash", ["-ec", folders], { cwd: inputs.from.path });
    try {
      await expect(bench.run(copy, inputs)).rejects.toMatchObject({ code: "disk-too-small" });
    } finally {
      execFileSync("umount", [inputs.from.path]);
    }
  });

  it("says which file's attribute does not fit into ext4", async () => {
    await using bench = await stepBench();
    // ext4 takes 4 KiB of attributes; a folder on tmpfs takes 64.
    const script = `mount -t tmpfs none .; cd .; touch x; python3 -c 'import os; os.setxattr("x", "trusted.big", bytes(9000))'`;
    const inputs = await small(bench, "true");
    execFileSync("bash", ["-ec", script.replaceAll("cd .", `cd ${inputs.from.path}`)], {
      cwd: inputs.from.path,
    });
    try {
      await expect(bench.run(copy, inputs)).rejects.toMatchObject({
        code: "copy-failed",
        message: expect.stringContaining("/x"),
        hint: expect.stringContaining("ea_inode"),
      });
    } finally {
      execFileSync("umount", [inputs.from.path]);
    }
  });
});
