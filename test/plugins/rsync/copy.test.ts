import { describe, expect, it } from "vitest";
import { ToolError } from "../../../src/engine/errors.ts";
import type { ToolResult } from "../../../src/engine/plugin/context.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { rsyncFailure } from "../../../src/plugins/rsync/exit-status.ts";
import { parseProgress } from "../../../src/plugins/rsync/progress.ts";
import { recordedDigest } from "../../../src/testing/recorder.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { superblockBytes } from "../ext4/superblock-bytes.ts";

const MIB = 1024 * 1024;
const image = { type: "image" as const, digest: recordedDigest(0), bytes: 64 * MIB };
/** In the superblock's word of compatible features (super.rst). */
const DIR_INDEX = 0x20;
const from = { path: "/source", readOnly: true };

interface World {
  usedBytes?: number;
  files?: number;
  freeBytes?: number;
  freeInodes?: number;
  python?: () => Partial<ToolResult>;
  rsync?: () => Partial<ToolResult>;
}

const recording = (world: World) => (command: readonly string[]) => {
  const { usedBytes = 10 * MIB, files = 100, freeBytes = 60 * MIB, freeInodes = 1000 } = world;
  if (command[0] === "du")
    return { stdout: `${command.includes("--inodes") ? files : usedBytes}\t/source\n` };
  if (command[0] === "stat") return { stdout: `4096 ${usedBytes / 4096} 0 ${files} 0\n` };
  if (command[0] === "read") {
    const superblock = superblockBytes({ freeBlocks: freeBytes / 4096, freeInodes, compat: DIR_INDEX });
    return { stdout: superblock.toString("hex") };
  }
  if (command[0] === "python3") return world.python?.();
  return command[0] === "rsync" ? world.rsync?.() : undefined;
};

describe("rsync/copy", () => {
  it("writes into a fresh file system without mounting it", async () => {
    await using bench = await stepBench({ recording: recording({}) });
    await bench.run(copy, { from, image });
    expect(bench.commands.map(({ command }) => command.join(" "))).toEqual([
      "find /source -maxdepth 1 -name lost+found ! -type d -print0",
      "e2fsck -f -n /disk-1.raw",
      "stat -f -c %S %b %f %c %d -- /source",
      "python3 -I - /source /disk-1.raw fresh carried",
      "e2fsck -f -p -D /disk-1.raw",
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(bench.disks).toEqual([`open disk-1 ${image.bytes} in a file`, `seal disk-1 ${image.bytes}`]);
  });

  it.each([
    ["something is left out", { excludes: ["/var/cache/*"] }, "--exclude=/var/cache/* "],
    ["it is told to", { method: "rsync" }, ""],
  ])(
    "runs rsync on a scratch view where %s, carries what rsync does not, and writes the image from there",
    async (_why, inputs, exclude) => {
      await using bench = await stepBench({ recording: recording({}) });
      await bench.run(copy, { from, image, ...inputs });
      expect(bench.commands.map(({ command }) => command.join(" ")).slice(3)).toEqual([
        "e2fsck -f -n /disk-2.raw",
        "rsync -aHAXSU --numeric-ids --one-file-system --whole-file --modify-window=-1 " +
          "--info=progress2 --no-human-readable " +
          `${exclude}-- /source/ /disk-2/`,
        "python3 -I - /source /disk-2",
        "python3 -I - /disk-2 /disk-1.raw used carried",
        "e2fsck -f -p -D /disk-1.raw",
        "e2fsck -f -n /disk-1.raw",
      ]);
      expect(bench.disks.slice(1)).toEqual([
        `open disk-2 ${image.bytes}`,
        "mount disk-2 rw",
        "unmount disk-2",
        "mount disk-2 ro",
        "unmount disk-2",
        `seal disk-1 ${image.bytes}`,
      ]);
    },
  );

  it("runs rsync where the image has files, and with method populate refuses", async () => {
    await using bench = await stepBench({
      recording: recording({ python: () => ({ stdout: "occupied etc\n" }) }),
    });
    await bench.run(copy, { from, image });
    expect(bench.commands.map(({ command }) => command[0])).toContain("rsync");
    await expect(bench.run(copy, { from, image, method: "populate" })).rejects.toMatchObject({
      code: "target-not-empty",
      message: expect.stringContaining('"/etc"'),
    });
  });

  it("says before it runs that populate leaves nothing out", async () => {
    await using bench = await stepBench();
    const issues = await bench.check(copy, { from, image, method: "populate", excludes: ["/a"] });
    expect(issues).toMatchObject([{ path: ["excludes"], code: "needs-rsync" }]);
    expect(await bench.check(copy, { from, image, excludes: ["/a"] })).toEqual([]);
  });

  it("tells what populate says of itself", async () => {
    const said =
      "progress 4194304\nnote the project id of 3 files: not carried\nprogress 999999999999\ndone 5\n";
    await using bench = await stepBench({ recording: recording({ python: () => ({ stdout: said }) }) });
    await bench.run(copy, { from, image });
    expect(bench.progress).toEqual([
      { done: 4 * MIB, total: 10 * MIB, unit: "bytes" },
      { done: 10 * MIB, total: 10 * MIB, unit: "bytes" },
    ]);
    expect(bench.log).toContain("the project id of 3 files: not carried");
  });

  it.each([
    ["excludes.0: must not be empty", [""]],
    ["excludes.0: must be one line", ["a\nb"]],
    [
      "excludes.0: is a filter rule of rsync, not a pattern: write the path with a slash before it",
      ["- /etc"],
    ],
  ])("says %s", async (fault, excludes) => {
    await using bench = await stepBench();
    expect(bench.faults(copy, { from, image, excludes })).toEqual([fault]);
  });

  it("copies nothing where not everything fits, and says how much is missing", async () => {
    await using bench = await stepBench({ recording: recording({ usedBytes: 90 * MIB }) });
    await expect(bench.run(copy, { from, image })).rejects.toMatchObject({
      code: "disk-too-small",
      message: expect.stringMatching(/needs 90 MiB, the disk of 64 MiB has 60 MiB.*30 MiB are missing/),
      hint: "make the disk at least 94 MiB",
    });
    expect(bench.commands.some(({ command }) => command[0] === "rsync")).toBe(false);
  });

  it("wants an inode for every file", async () => {
    await using bench = await stepBench({ recording: recording({ files: 5000 }) });
    await expect(bench.run(copy, { from, image })).rejects.toMatchObject({
      code: "too-few-inodes",
      message: expect.stringMatching(/4000 are missing/),
    });
  });

  it("tries where excludes may make it fit, and explains how rsync failed", async () => {
    const rsync = () => {
      throw failure(23, []);
    };
    await using bench = await stepBench({ recording: recording({ usedBytes: 90 * MIB, rsync }) });
    await expect(bench.run(copy, { from, image, excludes: ["/a"] })).rejects.toMatchObject({
      code: "copy-failed",
    });
  });

  it("tells its progress in bytes, a hundred times at most", async () => {
    const lines = Array.from({ length: 1000 }, (_, i) => `  ${i * 10_486}  ${i / 10}%  1.00MB/s  0:00:01`);
    const rsync = () => ({ stdout: lines.join("\n").replaceAll(/\.\d+%/g, "%") });
    await using bench = await stepBench({ recording: recording({ rsync }) });
    await bench.run(copy, { from, image, method: "rsync" });
    expect(bench.progress.length).toBeGreaterThan(50);
    expect(bench.progress.length).toBeLessThanOrEqual(100);
    expect(bench.progress.every(({ done, total }) => done <= total && total === 10 * MIB)).toBe(true);
  });
});

describe("rsync's output", () => {
  it.each([
    ["     32,768  12%    1.00MB/s    0:00:01 (xfr#1, to-chk=2/9)", 32_768],
    ["164266386  99%  54.65MB/s    0:00:02 (xfr#8105, to-chk=0/8779)", 164_266_386],
    ["rsync: [sender] link_stat failed", undefined],
    ["", undefined],
  ])("%j is %s bytes", (line, bytes) => {
    expect(parseProgress(line)).toBe(bytes);
  });

  it.each([
    [23, /some files were not copied/],
    [24, /vanished/],
    [11, /could not be read or written/],
  ])("status %i is explained, without progress among its last lines", (status, message) => {
    const error = rsyncFailure(failure(status, ["rsync: a", "  10  1%  1MB/s", "rsync error: b"]));
    expect(error).toMatchObject({ code: "copy-failed", exitCode: status });
    expect(error.message).toMatch(message);
    expect(error.lastLines).toEqual(["rsync: a", "rsync error: b"]);
  });

  it("leaves another status as it is", () => {
    const error = failure(2, []);
    expect(rsyncFailure(error)).toBe(error);
  });
});

function failure(exitCode: number, lastLines: string[]): ToolError {
  const message = `rsync exited ${exitCode}`;
  return new ToolError({
    code: "tool-failed",
    message,
    command: ["rsync"],
    exitCode,
    signal: null,
    lastLines,
  });
}
