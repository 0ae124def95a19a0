import { describe, expect, it } from "vitest";
import type { ToolResult } from "../../../src/engine/plugin/context.ts";
import { parseSuperblock } from "../../../src/plugins/ext4/superblock.ts";
import { chooseWay } from "../../../src/plugins/template/choose-way.ts";
import { resize } from "../../../src/plugins/template/resize.ts";
import { recordedDigest } from "../../../src/testing/recorder.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { superblockBytes } from "../ext4/superblock-bytes.ts";

const MIB = 1024 * 1024;
const image = { type: "image" as const, digest: recordedDigest(0), bytes: 256 * MIB };
/** `has_journal, filetype, extent, sparse_super`, an inode for every 16 KiB. */
const superblock = parseSuperblock(superblockBytes())!;
const imageHead = Buffer.concat([Buffer.alloc(1024), superblockBytes()]);

describe("the way to another size", () => {
  it.each([
    ["nothing else is wanted", {}],
    ["the features are those it has", { features: ["sparse_super", "extent", "filetype", "has_journal"] }],
    ["the inode ratio is nearly the one it has", { bytesPerInode: 17_000 }],
  ])("is in place where %s", (_, wanted) => {
    expect(chooseWay(superblock, wanted, "auto").way).toBe("in-place");
  });

  it.each([
    ["the file system was made without 64bit", { features: [...superblock.features, "64bit"] }],
    ["the file system was made with has_journal", { features: ["filetype", "extent", "sparse_super"] }],
    ["its block groups have an inode for every 16384 bytes, not every 4096", { bytesPerInode: 4096 }],
  ])("is to rebuild where %s", (why, wanted) => {
    expect(chooseWay(superblock, wanted, "auto")).toEqual({ way: "rebuild", why });
  });

  it("is to rebuild where the source has another file system", () => {
    expect(chooseWay("xfs", {}, "auto")).toEqual({ way: "rebuild", why: "it holds xfs, not ext4" });
  });

  it("is the template's, where it says so", () => {
    expect(chooseWay(superblock, {}, "rebuild")).toEqual({ way: "rebuild", why: "the template asks for it" });
  });
});

const answer = (command: readonly string[]): Partial<ToolResult> | undefined =>
  command[0] === "read" ? { stdout: superblockBytes().toString("hex") } : undefined;

describe("template/resize", () => {
  it("runs what ext4/resize runs, in place", async () => {
    await using bench = await stepBench({ recording: answer, imageHead });
    const out = await bench.run<{ way: unknown }>(resize, { image, sizeMiB: 512 });
    expect(bench.commands.map(({ command }) => command.join(" "))).toEqual([
      "e2fsck -f -n /disk-1.raw",
      "resize2fs /disk-1.raw 131072",
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(out.way).toEqual({ way: "in-place", why: "features and inode ratio stay as they are" });
  });

  it("attaches the source, makes a file system with what is kept, and copies", async () => {
    await using bench = await stepBench({ recording: answer, imageHead });
    await bench.run(resize, { image, sizeMiB: 512, features: ["extent", "filetype"] });
    const tools = bench.commands.map(({ command }) => command[0]);
    expect(tools.slice(0, 3)).toEqual(["e2fsck", "mke2fs", "find"]);
    const mke2fs = bench.commands[tools.indexOf("mke2fs")]!.command.join(" ");
    expect(mke2fs).toContain("-i 4096 ");
    expect(mke2fs).toContain("-O none,extent,filetype ");
    expect(mke2fs).toContain("-L root");
    expect(bench.disks).toContainEqual(expect.stringMatching(/^mount disk-1 ro/));
    expect(bench.disks).toContainEqual(expect.stringMatching(/^seal disk-3 /));
    expect(bench.log).toContain("rebuild: the file system was made with has_journal, sparse_super");
  });

  it("refuses in-place where it cannot be done, before anything is touched", async () => {
    await using bench = await stepBench({ recording: answer, imageHead });
    const inputs = { image, sizeMiB: 512, bytesPerInode: 4096, way: "in-place" };
    expect(await bench.check(resize, inputs)).toMatchObject([
      { path: ["way"], code: "needs-rebuild", message: expect.stringContaining("not every 4096") },
    ]);
    await expect(bench.run(resize, inputs)).rejects.toMatchObject({ code: "needs-rebuild" });
    expect(bench.commands).toEqual([]);
  });

  it("says what is wrong with its inputs", async () => {
    await using bench = await stepBench({ recording: answer, imageHead });
    expect(await bench.check(resize, { image })).toMatchObject([{ code: "wrong-value" }]);
    expect(bench.faults(resize, { image, sizeMiB: 64, features: [], way: "sideways" })).toEqual([
      "features: must name at least one feature",
      expect.stringMatching(/^way: /),
    ]);
  });

  it("says of an image without a file system that it has none", async () => {
    await using bench = await stepBench({ recording: answer, imageHead: Buffer.alloc(70_000) });
    await expect(bench.run(resize, { image, sizeMiB: 64 })).rejects.toMatchObject({ code: "not-ext4" });
  });
});
