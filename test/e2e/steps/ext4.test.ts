import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { fsck } from "../../../src/plugins/ext4/fsck.ts";
import { importFile } from "../../../src/plugins/ext4/import.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { resize } from "../../../src/plugins/ext4/resize.ts";
import { shrink } from "../../../src/plugins/ext4/shrink.ts";
import { tune } from "../../../src/plugins/ext4/tune.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import type { FileSystemFacts } from "../../../src/plugins/nbd/index.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";

const MIB = 1024 * 1024;
vi.setConfig({ testTimeout: 120_000 });

type Made = { image: ImageArtifact };
type Source = { tree: { path: string }; facts: FileSystemFacts };

const run = (tool: string, ...args: string[]) =>
  execFileSync(tool, args, { encoding: "utf8", stdio: "pipe" });

/** Throws where e2fsck finds anything at all. */
const expectClean = (bench: StepBench, image: ImageArtifact) =>
  expect(() => run("e2fsck", "-fn", bench.imagePath(image))).not.toThrow();

/** An image with 20 MiB of random data in `/data`. */
async function imageWithData(bench: StepBench, sizeMiB: number): Promise<ImageArtifact> {
  const folder = join(bench.folder, "content");
  mkdirSync(folder);
  run("dd", "if=/dev/urandom", `of=${join(folder, "data")}`, "bs=1M", "count=20", "status=none");
  const { image } = await bench.run<Made>(mkfs, { sizeMiB });
  const file = join(bench.folder, "data.raw");
  copyFileSync(bench.imagePath(image), file);
  run("debugfs", "-w", "-R", `write ${join(folder, "data")} data`, file);
  return bench.putImage(file);
}

const hashOf = (path: string) => run("sha256sum", path).split(" ")[0];

describe("ext4/mkfs", () => {
  it("makes a clean file system, with what was asked for, equal to the byte when made again", async () => {
    await using bench = await stepBench();
    const uuid = "00112233-4455-4677-8899-aabbccddeeff";
    const inputs = { sizeMiB: 64, label: "root", uuid, bytesPerInode: 16_384, journalMiB: 4 };
    const { image } = await bench.run<Made>(mkfs, inputs);
    expectClean(bench, image);
    const facts = run("dumpe2fs", "-h", bench.imagePath(image));
    expect(facts).toMatch(/volume name:\s+root\n/);
    expect(facts).toContain(uuid);
    expect(facts).toMatch(/Inode count:\s+4096\n/);
    expect(facts).toMatch(/Reserved block count:\s+0\n/);
    expect(facts).toMatch(/Total journal size:\s+4096k\n/);
    expect((await bench.run<Made>(mkfs, inputs)).image).toEqual(image);
  });
});

describe("ext4/mkfs and ext4/tune", () => {
  it("give a small file system what a large one has, which growing does not change", async () => {
    await using bench = await stepBench();
    const small = await bench.run<Made>(mkfs, { sizeMiB: 150, growsToMiB: 3000 });
    const large = await bench.run<Made>(mkfs, { sizeMiB: 3000 });
    const grown = await bench.run<Made>(resize, { image: small.image, sizeMiB: 3000 });
    expectClean(bench, grown.image);
    const shape = (image: ImageArtifact) =>
      [
        ...run("dumpe2fs", "-h", bench.imagePath(image)).matchAll(
          /^(Inode count|Total journal size|Inodes per group): .*$/gm,
        ),
      ].map(([line]) => line);
    expect(shape(grown.image)).toHaveLength(3);
    expect(shape(grown.image)).toEqual(shape(large.image));
  });

  it("write label, UUID, reserved space and mount options", async () => {
    await using bench = await stepBench();
    const made = await bench.run<Made>(mkfs, {
      sizeMiB: 64,
      reservedMiB: 2,
      mountOptions: ["discard", "journal_data_writeback"],
    });
    const facts = run("dumpe2fs", "-h", bench.imagePath(made.image));
    expect(facts).toMatch(/Reserved block count:\s+512\n/);
    expect(facts).toMatch(/Default mount options:\s+journal_data_writeback discard\n/);
    const uuid = "00112233-4455-4677-8899-aabbccddeeff";
    const inputs = { image: made.image, label: "other", uuid, reservedMiB: 0, mountOptions: [] };
    const { image } = await bench.run<Made>(tune, inputs);
    expectClean(bench, image);
    const tuned = run("dumpe2fs", "-h", bench.imagePath(image));
    expect(tuned).toMatch(/volume name:\s+other\n/);
    expect(tuned).toContain(uuid);
    expect(tuned).toMatch(/Reserved block count:\s+0\n/);
    expect(tuned).toMatch(/Default mount options:\s+\(none\)\n/);
    expect((await bench.run<Made>(tune, inputs)).image).toEqual(image);
  });
});

describe("ext4/fsck", () => {
  it("leaves a clean image as it is, and one that was mounted after its check from then on", async () => {
    await using bench = await stepBench();
    const image = await imageWithData(bench, 64);
    for (const repair of ["check-only", "preen", "yes"])
      expect(await bench.run<Made>(fsck, { image, repair })).toEqual({ image });
    const file = join(bench.folder, "mounted.raw");
    copyFileSync(bench.imagePath(image), file);
    run("sh", "-c", 'mkdir "$0.mnt" && mount -o loop "$0" "$0.mnt" && umount "$0.mnt"', file);
    const mounted = await bench.putImage(file);
    const checked = (await bench.run<Made>(fsck, { image: mounted })).image;
    expect(checked).not.toEqual(mounted);
    // Another store knows nothing of these images, and comes to the same.
    await using other = await stepBench();
    const again = await other.putImage(bench.imagePath(checked));
    expect(await other.run<Made>(fsck, { image: again, repair: "yes" })).toEqual({ image: checked });
    await expect(other.run<Made>(resize, { image: again, sizeMiB: 128 })).resolves.toBeDefined();
  });
});

describe("ext4/resize and ext4/shrink", () => {
  it("grow and shrink in place, to the byte, and keep every file", async () => {
    await using bench = await stepBench();
    const image = await imageWithData(bench, 64);
    const data = hashOf(join(bench.folder, "content/data"));
    const grown = (await bench.run<Made>(resize, { image, sizeMiB: 200 })).image;
    const cut = (await bench.run<Made>(resize, { image: grown, sizeMiB: 60 })).image;
    const smallest = (await bench.run<Made>(shrink, { image: grown })).image;
    const free = (await bench.run<Made>(resize, { image: smallest, freeMiB: 100 })).image;
    const shrunk = (await bench.run<Made>(shrink, { image: grown, toMiB: 60 })).image;
    expect([grown.bytes, cut.bytes]).toEqual([200 * MIB, 60 * MIB]);
    expect(smallest.bytes).toBeLessThan(60 * MIB);
    expect(shrunk.bytes).toBe(60 * MIB);
    for (const result of [grown, cut, smallest, free, shrunk]) {
      expectClean(bench, result);
      const { tree, facts } = await bench.run<Source>(attachSource, { from: result });
      if (result === free) expect(facts.freeMiB).toBe(100);
      expect(facts.sizeMiB).toBe(Math.floor(result.bytes / MIB));
      expect(hashOf(join(tree.path, "data"))).toBe(data);
      await bench.release();
    }
    expect((await bench.run<Made>(shrink, { image: grown })).image).toEqual(smallest);
  });

  it("say how much is missing where the content does not fit", async () => {
    await using bench = await stepBench();
    const image = await imageWithData(bench, 64);
    const error = await bench.run(resize, { image, sizeMiB: 16 }).catch((caught) => caught);
    expect(error.code).toBe("disk-too-small");
    const same = await bench.run(shrink, { image, toMiB: 16 }).catch((caught) => caught);
    expect(same.message).toBe(error.message);
    const needed = Number(/at least (\d+) MiB/.exec(error.hint)![1]);
    expect((await bench.run<Made>(resize, { image, sizeMiB: needed })).image.bytes).toBe(needed * MIB);
  });
});

describe("a source", () => {
  it("that was not unmounted is read with its journal replayed, the stored image unchanged", async () => {
    await using bench = await stepBench();
    const { image } = await bench.run<Made>(mkfs, { sizeMiB: 64 });
    const [live, torn] = [join(bench.folder, "live.raw"), join(bench.folder, "torn.raw")];
    const folder = join(bench.folder, "live");
    copyFileSync(bench.imagePath(image), live);
    mkdirSync(folder);
    run("mount", "-o", "loop", live, folder);
    try {
      writeFileSync(join(folder, "written"), "and synced");
      run("sync", "-f", folder);
      run("sync", live);
      copyFileSync(live, torn);
    } finally {
      run("umount", folder);
    }
    expect(run("dumpe2fs", "-h", torn)).toContain("needs_recovery");
    const { image: from } = await bench.run<Made>(importFile, { file: "torn.raw" });
    const { tree } = await bench.run<Source>(attachSource, { from });
    expect(run("cat", join(tree.path, "written"))).toBe("and synced");
    expect(() => writeFileSync(join(tree.path, "written"), "")).toThrow(/EROFS/);
    await bench.release();
    expect(hashOf(bench.imagePath(from))).toBe(hashOf(torn));
  });

  it("that is damaged is not mounted, and can be repaired on purpose", async () => {
    await using bench = await stepBench();
    const file = join(bench.folder, "damaged.raw");
    copyFileSync(bench.imagePath(await imageWithData(bench, 64)), file);
    // The root directory turns into a regular file: more than preen may repair.
    run("debugfs", "-w", "-R", "sif <2> mode 0100644", file);
    const image = await bench.putImage(file);
    await expect(bench.run(attachSource, { from: image })).rejects.toMatchObject({
      code: "fsck-failed",
      hint: expect.stringContaining('repair: "yes"'),
    });
    expect(run("findmnt", "--noheadings", "--raw", "--output", "TARGET")).not.toContain(bench.folder);
    await expect(bench.run(fsck, { image, repair: "check-only" })).rejects.toMatchObject({
      code: "fsck-failed",
    });
    expectClean(bench, (await bench.run<Made>(fsck, { image, repair: "yes" })).image);
  });
});
