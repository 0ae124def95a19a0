import { describe, expect, it } from "vitest";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import { recordedDigest } from "../../../src/testing/recorder.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { superblockBytes } from "../ext4/superblock-bytes.ts";

const from = { type: "image" as const, digest: recordedDigest(0), bytes: 2 ** 28 };

/** `statuses`: of e2fsck in turn, the last one again and again. */
const recording = (...statuses: number[]) => {
  const left = [...statuses];
  return (command: readonly string[]) => {
    if (command[0] === "read")
      return command[2] === "1024" ? { stdout: superblockBytes().toString("hex") } : {};
    if (command[0] !== "e2fsck") return undefined;
    return { exitCode: left.length > 1 ? left.shift()! : left[0]! };
  };
};

describe("nbd/attach-source", () => {
  it("checks a private view before the kernel mounts it read-only", async () => {
    await using bench = await stepBench({ recording: recording(4, 1, 0) });
    const source = await bench.run(attachSource, { from });
    // Looked at, repaired, and what was repaired is looked at again.
    expect(bench.commands.map(({ command }) => command.join(" "))).toEqual([
      "e2fsck -f -n /disk-1.raw",
      "e2fsck -f -p /disk-1.raw",
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(bench.disks).toEqual([`open disk-1 ${from.bytes}`, "mount disk-1 ro nodev,nosuid,noexec"]);
    expect(source).toMatchObject({
      tree: { path: "/disk-1", readOnly: true },
      facts: { type: "ext4", sizeMiB: 256, usedMiB: 22, freeMiB: 234, files: 11, label: "root" },
    });
    expect(bench.log.join("\n")).toMatch(/repaired on the view/);
  });

  it.each([4, 8, 12, 32, 128])("mounts nothing when e2fsck exits %i", async (status) => {
    await using bench = await stepBench({ recording: recording(status) });
    await expect(bench.run(attachSource, { from })).rejects.toMatchObject({ code: "fsck-failed" });
    expect(bench.disks).toEqual([`open disk-1 ${from.bytes}`]);
  });

  it("knows two ways to repair", async () => {
    await using bench = await stepBench({ recording: recording(4, 0) });
    await bench.run(attachSource, { from, repair: "yes" });
    expect(bench.commands[1]!.command).toContain("-y");
    expect(bench.faults(attachSource, { from, repair: "check-only" })).toEqual([
      expect.stringMatching(/^repair: /),
    ]);
  });
});
