import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import type { FileSystemFacts } from "../../../src/plugins/nbd/index.ts";
import { resize } from "../../../src/plugins/template/resize.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";

const MIB = 1024 * 1024;
vi.setConfig({ testTimeout: 120_000 });

type Made = { image: ImageArtifact; way: { way: string; why: string } };
type Source = { tree: { path: string }; facts: FileSystemFacts };

const run = (tool: string, ...args: string[]) =>
  execFileSync(tool, args, { encoding: "utf8", stdio: "pipe" });

async function sourceImage(bench: StepBench): Promise<ImageArtifact> {
  const { image } = await bench.run<Made>(mkfs, { sizeMiB: 64, label: "source", bytesPerInode: 16_384 });
  const file = join(bench.folder, "source.raw");
  copyFileSync(bench.imagePath(image), file);
  const content = join(bench.folder, "content");
  mkdirSync(content);
  writeFileSync(join(content, "file"), "kept");
  run("debugfs", "-w", "-R", `write ${join(content, "file")} file`, file);
  return bench.putImage(file);
}

async function expectKept(bench: StepBench, image: ImageArtifact): Promise<FileSystemFacts> {
  run("e2fsck", "-fn", bench.imagePath(image));
  const { tree, facts } = await bench.run<Source>(attachSource, { from: image });
  expect(run("cat", join(tree.path, "file"))).toBe("kept");
  await bench.release();
  return facts;
}

describe("template/resize", () => {
  it("grows in place where nothing else is wanted", async () => {
    await using bench = await stepBench();
    const { image, way } = await bench.run<Made>(resize, { image: await sourceImage(bench), sizeMiB: 128 });
    expect(way.way).toBe("in-place");
    expect(image.bytes).toBe(128 * MIB);
    await expectKept(bench, image);
  });

  it("rebuilds for another inode ratio, with label and features kept", async () => {
    await using bench = await stepBench();
    const source = await sourceImage(bench);
    const before = await expectKept(bench, source);
    const { image, way } = await bench.run<Made>(resize, {
      image: source,
      sizeMiB: 128,
      bytesPerInode: 4096,
    });
    expect(way).toEqual({
      way: "rebuild",
      why: "its block groups have an inode for every 32768 bytes, not every 4096",
    });
    const after = await expectKept(bench, image);
    expect(after).toMatchObject({ label: "source", features: before.features, sizeMiB: 128 });
    expect(run("dumpe2fs", "-h", bench.imagePath(image))).toMatch(/Inode count:\s+32768\n/);
  });

  it("rebuilds with other features, and as much free space as is wanted", async () => {
    await using bench = await stepBench();
    const features = ["has_journal", "extent", "filetype", "sparse_super2", "flex_bg"];
    const inputs = { image: await sourceImage(bench), freeMiB: 200, features };
    const { image, way } = await bench.run<Made>(resize, inputs);
    expect(way.why).toMatch(/^the file system was made without sparse_super2 and with /);
    const { freeMiB, features: made } = await expectKept(bench, image);
    expect(freeMiB).toBe(200);
    expect(made).toEqual(expect.arrayContaining(features));
  });
});
