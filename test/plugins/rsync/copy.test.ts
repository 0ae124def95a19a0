import { describe, expect, it } from "vitest";
import { ToolError } from "../../../src/engine/errors.ts";
import type { ToolResult } from "../../../src/engine/plugin/context.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { rsyncFailure } from "../../../src/plugins/rsync/exit-status.ts";
import { parseProgress } from "../../../src/plugins/rsync/progress.ts";
import { recordedDigest } from "../../../src/testing/recorder.ts";
import { stepBench } from "../../../src/testing/step.ts";

const MIB = 1024 * 1024;
const image = { type: "image" as const, digest: recordedDigest(0), bytes: 64 * MIB };
const from = { path: "/source", readOnly: true };

interface World {
  usedBytes?: number;
  files?: number;
  freeBytes?: number;
  freeInodes?: number;
  rsync?: () => Partial<ToolResult>;
}

const recording = (world: World) => (command: readonly string[]) => {
  const { usedBytes = 10 * MIB, files = 100, freeBytes = 60 * MIB, freeInodes = 1000 } = world;
  if (command[0] === "du")
    return { stdout: `${command.includes("--inodes") ? files : usedBytes}\t/source\n` };
  if (command[0] === "stat") return { stdout: `4096 ${freeBytes / 4096} ${freeInodes}\n` };
  return command[0] === "rsync" ? world.rsync?.() : undefined;
};

describe("rsync/copy", () => {
  it("copies everything that a file carries, and leaves the target's own lost+found", async () => {
    await using bench = await stepBench({ recording: recording({}) });
    await bench.run(copy, { from, image, excludes: ["/var/cache/*"] });
    expect(bench.commands.map(({ command }) => command.join(" "))).toEqual([
      "du -sx --block-size=1 -- /source",
      "du -sx --inodes -- /source",
      "stat -f -c %S %f %d -- /disk-1",
      "rsync -aHAXS --numeric-ids --one-file-system --whole-file --info=progress2 --no-human-readable " +
        "--exclude=/lost+found --exclude=/var/cache/* -- /source/ /disk-1/",
    ]);
    expect(bench.disks).toEqual([
      `open disk-1 ${image.bytes}`,
      "mount disk-1 rw",
      "unmount disk-1",
      `seal disk-1 ${image.bytes}`,
    ]);
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
    await bench.run(copy, { from, image });
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
