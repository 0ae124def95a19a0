import { appendFile, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { importFile } from "../../../src/plugins/ext4/import.ts";
import { fileServices } from "../../../src/testing/file-services.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { superblockBytes } from "./superblock-bytes.ts";

const FILE_SYSTEM = Buffer.concat([Buffer.alloc(1024), superblockBytes({ blocks: 2, freeBlocks: 1 })]);

describe("ext4/import", () => {
  it.each<[name: string, content: Buffer | string, code: string, message: RegExp]>([
    ["empty", "", "empty-file", /is empty/],
    ["cut", FILE_SYSTEM, "file-cut-short", /has 2048 bytes, but its file system has 8192/],
    ["odd", Buffer.concat([FILE_SYSTEM, Buffer.alloc(7000)]), "not-ext4", /not whole sectors/],
    ["zeros", Buffer.alloc(70_000), "not-ext4", /looks like zeros/],
    ["qcow2", Buffer.from("QFI\xfb".padEnd(4096, "\0"), "latin1"), "not-ext4", /looks like a qcow2 image/],
    ["xfs", "XFSB".padEnd(4096, "\0"), "not-ext4", /an XFS file system/],
    ["squashfs", "hsqs".padEnd(4096, "\0"), "not-ext4", /a squashfs file system/],
    ["gz", Buffer.from([0x1f, 0x8b, 8, 0]), "not-ext4", /gzip-compressed data/],
    ["btrfs", Buffer.concat([Buffer.alloc(0x10040), Buffer.from("_BHRfS_M")]), "not-ext4", /btrfs/],
    ["gpt", Buffer.concat([Buffer.alloc(512), Buffer.from("EFI PART")]), "not-ext4", /GPT partition table/],
    [
      "mbr",
      Buffer.concat([Buffer.alloc(510), Buffer.from([0x55, 0xaa])]),
      "not-ext4",
      /with a partition table/,
    ],
    ["words", "not a disk\n", "not-ext4", /looks like text/],
    ["noise", Buffer.from([1, 2, 3, 4]), "not-ext4", /holds no ext4 file system$/],
  ])("refuses a file of %s", async (name, content, code, message) => {
    await using bench = await stepBench();
    await writeFile(join(bench.folder, name), content);
    const issues = await bench.check(importFile, { file: name });
    expect(issues).toEqual([
      expect.objectContaining({ path: ["file"], code, message: expect.stringMatching(message) }),
    ]);
  });

  it("refuses what is not there, and what is a directory", async () => {
    await using bench = await stepBench();
    await mkdir(join(bench.folder, "folder"));
    expect(await bench.check(importFile, { file: "nothing" })).toMatchObject([{ code: "file-not-found" }]);
    expect(await bench.check(importFile, { file: "folder" })).toMatchObject([
      { code: "file-is-a-directory" },
    ]);
  });

  it("takes a whole file system", async () => {
    await using bench = await stepBench();
    await writeFile(join(bench.folder, "whole"), Buffer.concat([FILE_SYSTEM, Buffer.alloc(6144)]));
    expect(await bench.check(importFile, { file: "whole" })).toEqual([]);
  });

  it("keeps no image of a file that changed since its digest was taken", async () => {
    const services = await fileServices(await mkdtemp(join(tmpdir(), "import-")));
    const { putImage } = services;
    services.putImage = async (path) => {
      const image = await putImage(path);
      await appendFile(path, "written by somebody meanwhile");
      return image;
    };
    await using bench = await stepBench({ services });
    const path = join(bench.folder, "whole");
    await writeFile(path, Buffer.concat([FILE_SYSTEM, Buffer.alloc(6144)]));
    await expect(bench.run(importFile, { file: path })).rejects.toMatchObject({ code: "file-changed" });
  });

  it("wants a path", async () => {
    await using bench = await stepBench();
    expect(bench.faults(importFile, { file: "" })).toEqual(["file: must be the path of a file"]);
  });
});
