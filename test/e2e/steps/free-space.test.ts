/** `freeMiB` on many kinds of file systems: what dumpe2fs counts in the groups afterwards is what was asked for. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runTool } from "../../../src/engine/run/tool.ts";
import { e2fsck } from "../../../src/plugins/ext4/e2fsck.ts";
import { clockOf } from "../../../src/plugins/ext4/fixed-clock.ts";
import { readSuperblock } from "../../../src/plugins/ext4/read-superblock.ts";
import { resizeToFree } from "../../../src/plugins/ext4/resize-to-free.ts";
import { FileDisk } from "../../../src/testing/file-disk.ts";

const MIB = 1024 * 1024;
const GIB_IN_MIB = 1024;
const TIB_IN_MIB = 1024 * 1024;
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "free-space-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (tool: string, ...args: string[]) =>
  execFileSync(tool, args, { encoding: "utf8", stdio: "pipe", maxBuffer: 2 ** 28 });

const step = {
  tool: (name: string, args: readonly string[], options = {}) =>
    runTool({ run: "test", signal: new AbortController().signal, log: () => {} }, name, args, options),
  log: () => {},
};

/** MiB free in the groups, less reserved ones, by another reader than ours. */
function availableMiB(file: string): number {
  const text = run("dumpe2fs", file);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)![1]);
  const inGroups = [...text.matchAll(/^ {2}(\d+) free blocks, /gm)].reduce(
    (sum, found) => sum + Number(found[1]),
    0,
  );
  return ((inGroups - number("Reserved block count")) * number("Block size")) / MIB;
}

const FOUNDING =
  "ext_attr,extent,extra_isize,filetype,flex_bg,huge_file,inline_data,large_file,sparse_super2,has_journal";

type Case = [name: string, mke2fs: string[], sizeMiB: number, freeMiB: number, reservedMiB?: number];

const CASES: Case[] = [
  ["64 MiB, as mkfs makes it", ["-m", "0", "-i", "4096"], 64, 64],
  ["512 MiB, as mkfs makes it", ["-m", "0", "-i", "4096"], 256, 512],
  ["10 GiB, as mkfs makes it", ["-m", "0", "-i", "4096"], 1024, 10 * GIB_IN_MIB],
  ["512 MiB, as the founding system makes it", ["-m", "0", "-i", "4096", "-O", `none,${FOUNDING}`], 512, 512],
  [
    "10 GiB, as the founding system makes it",
    ["-m", "0", "-i", "4096", "-O", `none,${FOUNDING}`],
    512,
    10 * GIB_IN_MIB,
  ],
  ["a reserved share", ["-m", "5"], 300, 3000],
  ["a reserved amount", ["-m", "1"], 300, 3000, 256],
  ["an odd size to begin with", ["-i", "8192"], 333, 777],
  ["less than there is", ["-m", "0"], 2048, 500],
  ["far less than there is", ["-m", "0", "-i", "65536"], 10 * GIB_IN_MIB, 64],
  ["many inodes", ["-i", "1024"], 256, 1000],
  ["few inodes", ["-i", "1048576"], 256, 1000],
  ["inodes of 128 bytes", ["-I", "128", "-i", "4096"], 256, 1500],
  ["no flex_bg", ["-O", "^flex_bg"], 256, 4000],
  ["no resize_inode", ["-O", "^resize_inode"], 256, 30 * GIB_IN_MIB],
  ["no resize_inode, no flex_bg", ["-O", "^resize_inode,^flex_bg"], 256, 4000],
  ["no 64bit", ["-O", "^64bit"], 256, 10_240],
  ["no metadata_csum", ["-O", "^metadata_csum,uninit_bg"], 256, 10_240],
  ["no sparse_super", ["-O", "^sparse_super,^resize_inode"], 256, 2000],
  ["sparse_super2", ["-O", "sparse_super2,^resize_inode"], 256, 5000],
  ["meta_bg", ["-O", "meta_bg,^resize_inode"], 256, 20 * GIB_IN_MIB],
  ["blocks of 1 KiB", ["-b", "1024"], 100, 999],
  ["blocks of 1 KiB, no flex_bg", ["-b", "1024", "-O", "^flex_bg", "-i", "2048"], 64, 5000],
  ["blocks of 2 KiB", ["-b", "2048", "-m", "0"], 64, 1234],
  [
    "ext2",
    ["-m", "0", "-O", "none,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file"],
    64,
    640,
  ],
  ["1 TiB", ["-m", "0", "-i", "65536", "-E", "lazy_itable_init"], 1024, TIB_IN_MIB],
  [
    "200 GiB in blocks of 1 KiB",
    ["-b", "1024", "-i", "262144", "-E", "lazy_itable_init"],
    512,
    200 * GIB_IN_MIB,
  ],
];

describe("freeMiB", () => {
  it.for(CASES)("%s", async ([name, options, sizeMiB, freeMiB, reservedMiB]) => {
    const file = join(folder, `${name.replaceAll(/\W/g, "-")}.ext4`);
    run("truncate", "-s", `${sizeMiB}M`, file);
    run("mke2fs", "-q", "-F", "-t", "ext4", ...options, file);
    const diskBytes = 4 * TIB_IN_MIB * MIB;
    run("truncate", "-s", `${diskBytes}`, file);
    const disk = new FileDisk(file, diskBytes, "read-write", () =>
      Promise.reject(new Error("not sealed here")),
    );
    const clock = clockOf(await readSuperblock(disk));
    await e2fsck(step, disk, "preen");
    const after = await resizeToFree(step, disk, { freeMiB, reservedMiB }, clock);
    const available = availableMiB(file);
    expect(available).toBeGreaterThanOrEqual(freeMiB);
    expect(available).toBeLessThanOrEqual(freeMiB * 1.01);
    if (reservedMiB !== undefined)
      expect(after.reservedBlocks * after.blockSizeBytes).toBe(reservedMiB * MIB);
    expect(() => run("e2fsck", "-fn", file)).not.toThrow();
    rmSync(file);
  });
});
