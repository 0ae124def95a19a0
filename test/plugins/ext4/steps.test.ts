import { describe, expect, it } from "vitest";
import type { ToolResult } from "../../../src/engine/plugin/context.ts";
import { fsck } from "../../../src/plugins/ext4/fsck.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { resize } from "../../../src/plugins/ext4/resize.ts";
import { shrink } from "../../../src/plugins/ext4/shrink.ts";
import { tune } from "../../../src/plugins/ext4/tune.ts";
import { recordedDigest } from "../../../src/testing/recorder.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";
import { type Fields, superblockBytes } from "./superblock-bytes.ts";

const MIB = 1024 * 1024;
const image = { type: "image" as const, digest: recordedDigest(0), bytes: 256 * MIB };
const UUID = "00112233-4455-6677-8899-aabbccddeeff";

/** Answers reads with the first superblock, after each resizing with the next one; e2fsck's statuses come in turn. */
function answers(
  superblocks: Fields[],
  options: { e2fsck?: number | number[]; minimumBlocks?: number } = {},
) {
  const left = [...superblocks];
  const statuses = [options.e2fsck ?? 0].flat();
  return (command: readonly string[]): Partial<ToolResult> | undefined => {
    if (command[0] === "read") {
      return { stdout: superblockBytes(left[0]!).toString("hex") };
    }
    if (command[0] === "e2fsck") {
      const exitCode = statuses.length > 1 ? statuses.shift()! : statuses[0]!;
      return { exitCode, stdout: "Pass 1\n" };
    }
    if (command[0] === "resize2fs" && !command.includes("-P") && left.length > 1) left.shift();
    if (command.includes("-P"))
      return { stdout: `Estimated minimum size of the filesystem: ${options.minimumBlocks}\n` };
    return undefined;
  };
}

const lines = (bench: StepBench) => bench.commands.map(({ command }) => command.join(" "));

describe("ext4/mkfs", () => {
  it.each<[fault: string, inputs: Record<string, unknown>]>([
    ["sizeMiB: must be at least 8 MiB", { sizeMiB: 7 }],
    ["sizeMiB: must be at most 16777216 MiB (16 TiB)", { sizeMiB: 2 ** 25 }],
    ["sizeMiB: must be a whole number of MiB", { sizeMiB: 64.5 }],
    ["label: must be at most 16 bytes long", { sizeMiB: 64, label: "ä".repeat(9) }],
    ["uuid: must be a UUID: 8-4-4-4-12 hexadecimal digits", { sizeMiB: 64, uuid: "random" }],
    ["hashSeed: must be a UUID: 8-4-4-4-12 hexadecimal digits", { sizeMiB: 64, hashSeed: "1" }],
    ["features: must name at least one feature", { sizeMiB: 64, features: [] }],
    ["features.0: must be a feature's name, as in ext4(5)", { sizeMiB: 64, features: ["^64bit"] }],
    ["bytesPerInode: must be at least 1024", { sizeMiB: 64, bytesPerInode: 512 }],
    ["journalMiB: must be at least 4 MiB (1024 blocks)", { sizeMiB: 64, journalMiB: 1 }],
    ["growsToMiB: must be at least 8 MiB", { sizeMiB: 64, growsToMiB: 1 }],
    ["reservedMiB: must not be negative", { sizeMiB: 64, reservedMiB: -1 }],
    [
      "mountOptions: must name at most one journal mode",
      { sizeMiB: 64, mountOptions: ["journal_data", "journal_data_ordered"] },
    ],
    ["epoch: must be at least 1: zero would mean the machine's own clock", { sizeMiB: 64, epoch: 0 }],
  ])("says %s", async (fault, inputs) => {
    await using bench = await stepBench();
    expect(bench.faults(mkfs, inputs)).toEqual([fault]);
  });

  it("runs mke2fs with everything that /etc/mke2fs.conf could decide, and a fixed clock", async () => {
    await using bench = await stepBench({ recording: () => undefined });
    const inputs = { sizeMiB: 64, label: "root", uuid: UUID.toUpperCase(), hashSeed: UUID, journalMiB: 8 };
    await bench.run(mkfs, { ...inputs, features: ["has_journal", "extent"], epoch: 1_600_000_000 });
    expect(lines(bench)).toEqual([
      `mke2fs -q -F -t ext4 -b 4096 -I 256 -i 4096 -m 0 -O none,has_journal,extent -U ${UUID} ` +
        `-E hash_seed=${UUID},root_owner=0:0,nodiscard,assume_storage_prezeroed=1 -L root -J size=8 /disk-1.raw`,
    ]);
    expect(bench.commands[0]!.env).toMatchObject({ E2FSPROGS_FAKE_TIME: "1600000000" });
    expect(bench.disks).toEqual([`open disk-1 ${64 * MIB}`, `seal disk-1 ${64 * MIB}`]);
  });

  it("with growsToMiB asks for the journal, the inodes of a group and the descriptors of that size", async () => {
    await using bench = await stepBench({ recording: () => undefined });
    await bench.run(mkfs, {
      sizeMiB: 300,
      growsToMiB: 25_000,
      bytesPerInode: 8192,
      uuid: UUID,
      hashSeed: UUID,
    });
    const [line] = lines(bench);
    // 3 groups of 16,327 inodes: a 196th of those of 25,000 MiB; mke2fs' own choice for 300 MiB is a journal of 16 MiB.
    expect(line).toContain(" -N 48981 ");
    expect(line).not.toContain(" -i ");
    expect(line).toContain(",resize=6400000 ");
    expect(line).toContain(" -J size=128 ");
  });

  it("says where what the file system grows to does not go into what it begins with", async () => {
    await using bench = await stepBench({ recording: () => undefined });
    expect(await bench.check(mkfs, { sizeMiB: 64, growsToMiB: 32 })).toMatchObject([
      { path: ["growsToMiB"], code: "wrong-value" },
    ]);
    expect(await bench.check(mkfs, { sizeMiB: 64, growsToMiB: 25_000 })).toMatchObject([
      {
        path: ["growsToMiB"],
        code: "disk-too-small",
        hint: expect.stringMatching(/^make sizeMiB at least \d+,/),
      },
    ]);
    expect(await bench.check(mkfs, { sizeMiB: 281, growsToMiB: 25_000 })).toEqual([]);
  });

  it("writes reserved space and mount options with tune2fs", async () => {
    await using bench = await stepBench({ recording: () => undefined });
    await bench.run(mkfs, { sizeMiB: 64, reservedMiB: 4, mountOptions: ["discard", "acl"] });
    expect(lines(bench)[1]).toBe(
      "tune2fs -r 1024 -o ^debug,^bsdgroups,^user_xattr,^acl,^uid16,^journal_data_writeback,^nobarrier," +
        "^block_validity,^discard,^nodelalloc,discard,acl /disk-1.raw",
    );
  });

  it("gives the same inputs the same UUID, other inputs another", async () => {
    await using bench = await stepBench({ recording: () => undefined });
    for (const sizeMiB of [64, 64, 65]) await bench.run(mkfs, { sizeMiB });
    const uuids = bench.commands.map(({ command }) => command[command.indexOf("-U") + 1]);
    expect(uuids[0]).toBe(uuids[1]);
    expect(uuids[0]).not.toBe(uuids[2]);
  });
});

describe("ext4/fsck", () => {
  it.each([
    ["preen", ""],
    ["yes", ""],
    ["check-only", " read-only"],
  ])("with repair %s writes nothing on a clean file system", async (repair, access) => {
    await using bench = await stepBench({ recording: answers([{}]) });
    expect(await bench.run(fsck, { image, repair })).toEqual({ image });
    expect(lines(bench)).toEqual(["e2fsck -f -n /disk-1.raw"]);
    expect(bench.disks).toEqual([`open disk-1 ${image.bytes}${access}`]);
  });

  it.each([
    ["preen", "-p"],
    ["yes", "-y"],
  ])("with repair %s calls e2fsck -f %s where it found something", async (repair, flag) => {
    await using bench = await stepBench({ recording: answers([{}], { e2fsck: [4, 0] }) });
    await bench.run(fsck, { image, repair });
    expect(lines(bench)).toEqual(["e2fsck -f -n /disk-1.raw", `e2fsck -f ${flag} /disk-1.raw`]);
  });

  it.each<[what: string, fields: Fields]>([
    ["a journal to replay", { incompat: 0x46 }],
    ["files to delete", { firstOrphan: 12 }],
    ["a mount after the last check", { lastMounted: 1_600_000_000 }],
  ])("does not only look at %s", async (_, fields) => {
    await using bench = await stepBench({ recording: answers([fields]) });
    await bench.run(fsck, { image });
    expect(lines(bench)).toEqual(["e2fsck -f -p /disk-1.raw"]);
  });

  it("does not check again what was found clean, nor what it made itself", async () => {
    await using bench = await stepBench({ recording: answers([{}], { e2fsck: [0, 4, 1, 0] }) });
    await bench.run(fsck, { image, repair: "check-only" });
    const other = { ...image, digest: recordedDigest(1000) };
    const repaired = await bench.run<{ image: typeof image }>(fsck, { image: other });
    const commands = lines(bench).length;
    const disks = bench.disks.length;
    for (const clean of [image, repaired.image])
      expect(await bench.run(fsck, { image: clean })).toEqual({ image: clean });
    expect([lines(bench).length, bench.disks.length]).toEqual([commands, disks]);
    await bench.run(fsck, { image: other });
    expect(lines(bench).length).toBeGreaterThan(commands);
  });

  it("does not take a check alone for a replay of the journal", async () => {
    await using bench = await stepBench({ recording: answers([{ incompat: 0x46 }]) });
    expect(await bench.run(fsck, { image, repair: "check-only" })).toEqual({ image });
    await bench.run(fsck, { image });
    expect(lines(bench)).toEqual(["e2fsck -f -n /disk-1.raw", "e2fsck -f -p /disk-2.raw"]);
  });

  it("does not take a file system for clean that is larger than its image", async () => {
    const larger = { blocks: image.bytes / 4096 + 1 };
    await using bench = await stepBench({ recording: answers([larger]) });
    await bench.run(resize, { image, sizeMiB: 512 });
    const checks = lines(bench).length;
    await bench.run(fsck, { image });
    expect(lines(bench).slice(checks)).toEqual(["e2fsck -f -n /disk-2.raw"]);
  });

  it("takes the file system's own last time for the clock", async () => {
    await using bench = await stepBench({ recording: answers([{ lastWritten: 1_650_000_000 }]) });
    await bench.run(fsck, { image });
    expect(bench.commands[0]!.env).toMatchObject({ E2FSCK_TIME: "1650000000" });
  });

  it.each([
    [4, /exited 4: .*left uncorrected/, /repair: "yes"/],
    [12, /exited 12: .*left uncorrected; .*operational/, /repair: "yes"/],
    [8, /exited 8: .*operational/, undefined],
  ])("fails on status %i with the reason", async (status, message, hint) => {
    await using bench = await stepBench({ recording: answers([{}], { e2fsck: status }) });
    const error = await bench.run(fsck, { image }).catch((caught) => caught);
    expect(error).toMatchObject({ code: "fsck-failed", exitCode: status, lastLines: ["Pass 1"] });
    expect(error.message).toMatch(message);
    if (hint) expect(error.hint).toMatch(hint);
  });

  it("checks again what it repaired, until a pass finds nothing", async () => {
    await using bench = await stepBench({ recording: answers([{}], { e2fsck: [4, 1, 4, 1, 0] }) });
    await bench.run(fsck, { image, repair: "yes" });
    expect(lines(bench).map((line) => line.split(" ")[2])).toEqual(["-n", "-y", "-n", "-y", "-n"]);
  });

  it("gives up on what is repaired again and again, and then is not whole", async () => {
    const e2fsck = [4, 1, 4, 1, 4, 1, 4, 1, 4];
    await using bench = await stepBench({ recording: answers([{}], { e2fsck }) });
    await expect(bench.run(fsck, { image, repair: "yes" })).rejects.toMatchObject({ code: "fsck-failed" });
    expect(lines(bench)).toHaveLength(e2fsck.length);
    expect(lines(bench).at(-1)).toBe("e2fsck -f -n /disk-1.raw");
  });

  it("refuses an image without a file system", async () => {
    await using bench = await stepBench({ recording: answers([{ magic: 0 }]) });
    await expect(bench.run(fsck, { image })).rejects.toMatchObject({ code: "not-ext4" });
    expect(bench.faults(fsck, { image, repair: "maybe" })).toHaveLength(1);
  });
});

describe("ext4/resize", () => {
  it("grows on a view of the new size: check, resize, check", async () => {
    await using bench = await stepBench({ recording: answers([{}]) });
    await bench.run(resize, { image, sizeMiB: 512 });
    expect(bench.disks).toEqual([`open disk-1 ${512 * MIB}`, `seal disk-1 ${512 * MIB}`]);
    expect(lines(bench)).toEqual([
      "e2fsck -f -n /disk-1.raw",
      "resize2fs /disk-1.raw 131072",
      "e2fsck -f -n /disk-1.raw",
    ]);
  });

  it("solves the size for the free space that is wanted, and proves it", async () => {
    // 32,254 blocks are to be had of a whole group, and two less where there is a backup, as in the fourth.
    const blocks = 3 * 32_768 + 10_146 + 514 + 2;
    const after = { blocks, freeBlocks: 102_400 };
    await using bench = await stepBench({ recording: answers([{}, after]) });
    await bench.run(resize, { image, freeMiB: 400 });
    expect(lines(bench)).toEqual([
      "e2fsck -f -n /disk-1.raw",
      `resize2fs /disk-1.raw ${blocks}`,
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(bench.disks.at(-1)).toBe(`seal disk-1 ${blocks * 4096}`);
  });

  it("goes on from what it reached, and gives up where no size has what is wanted", async () => {
    const [short, right] = [
      { blocks: 108_000, freeBlocks: 101_400 },
      { blocks: 109_000, freeBlocks: 102_401 },
    ];
    await using bench = await stepBench({ recording: answers([{}, short, right]) });
    await bench.run(resize, { image, freeMiB: 400 });
    expect(lines(bench).filter((line) => line.startsWith("resize2fs"))).toEqual([
      expect.stringContaining("resize2fs /disk-1.raw"),
      "resize2fs /disk-1.raw 109000",
    ]);
    await using stuck = await stepBench({ recording: answers([{}, short]) });
    await expect(stuck.run(resize, { image, freeMiB: 400 })).rejects.toMatchObject({
      code: "free-space-unreachable",
      message: expect.stringContaining("at 422 MiB it has 396 MiB"),
    });
  });

  it("reserves what is asked for", async () => {
    await using bench = await stepBench({ recording: answers([{}]) });
    await bench.run(resize, { image, sizeMiB: 512, reservedMiB: 8 });
    expect(lines(bench)[2]).toBe("tune2fs -r 2048 /disk-1.raw");
  });

  it("wants exactly one of sizeMiB and freeMiB", async () => {
    await using bench = await stepBench({ recording: answers([{}]) });
    expect(await bench.check(resize, { image })).toMatchObject([{ code: "wrong-value", path: [] }]);
    expect(await bench.check(resize, { image, sizeMiB: 64, freeMiB: 64 })).toMatchObject([
      { code: "wrong-value", path: ["freeMiB"], hint: "give one of them" },
    ]);
    expect(bench.faults(resize, { image, freeMiB: 1 })).toEqual(["freeMiB: must be at least 16 MiB"]);
  });

  it("shrinks to a size, and cuts the disk there", async () => {
    await using bench = await stepBench({ recording: answers([{}], { minimumBlocks: 20_000 }) });
    await bench.run(resize, { image, sizeMiB: 100 });
    expect(lines(bench).slice(1)).toEqual([
      "resize2fs -P /disk-1.raw",
      "resize2fs /disk-1.raw 25600",
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(bench.disks.at(-1)).toBe(`seal disk-1 ${100 * MIB}`);
  });

  it("says how much is missing when the content does not fit", async () => {
    const minimum = 130 * 256;
    await using bench = await stepBench({
      recording: answers([{}, { blocks: minimum, freeBlocks: 0 }], { minimumBlocks: 140 * 256 }),
    });
    await expect(bench.run(resize, { image, sizeMiB: 100 })).rejects.toMatchObject({
      code: "disk-too-small",
      message: expect.stringMatching(/needs 130 MiB.*30 MiB are missing/),
      hint: "make the disk at least 130 MiB",
    });
  });

  it("says so when resize2fs prints no estimate", async () => {
    await using bench = await stepBench({ recording: answers([{}]) });
    await expect(bench.run(resize, { image, sizeMiB: 100 })).rejects.toMatchObject({
      code: "unexpected-output",
    });
  });
});

describe("ext4/shrink", () => {
  it("asks for the minimum until nothing is gained, and cuts the disk to the file system", async () => {
    const sizes = [{}, { blocks: 30_000, freeBlocks: 9 }, { blocks: 29_000, freeBlocks: 9 }];
    await using bench = await stepBench({ recording: answers(sizes) });
    await bench.run(shrink, { image });
    const rounds = lines(bench).filter((line) => line.startsWith("resize2fs"));
    expect(rounds).toEqual(Array(3).fill("resize2fs -M /disk-1.raw"));
    expect(lines(bench)[0]).toBe("e2fsck -f -n /disk-1.raw");
    expect(bench.disks.at(-1)).toBe(`seal disk-1 ${29_000 * 4096}`);
  });

  it("shrinks to a size that the content allows", async () => {
    await using bench = await stepBench({ recording: answers([{}], { minimumBlocks: 20_000 }) });
    await bench.run(shrink, { image, toMiB: 100 });
    expect(lines(bench)).toEqual([
      "e2fsck -f -n /disk-1.raw",
      "resize2fs -P /disk-1.raw",
      "resize2fs /disk-1.raw 25600",
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(bench.disks.at(-1)).toBe(`seal disk-1 ${100 * MIB}`);
  });

  it("leaves an image that is small enough as it is", async () => {
    await using bench = await stepBench({ recording: answers([{}]) });
    expect(await bench.run(shrink, { image, toMiB: 300 })).toEqual({ image });
    expect(bench.faults(shrink, { image, toMiB: 1 })).toEqual(["toMiB: must be at least 8 MiB"]);
  });
});

describe("ext4/tune", () => {
  it("checks, changes the superblock, and checks", async () => {
    await using bench = await stepBench({ recording: answers([{}]) });
    await bench.run(tune, { image, label: "root", uuid: UUID, reservedMiB: 1 });
    expect(lines(bench)).toEqual([
      "e2fsck -f -n /disk-1.raw",
      `tune2fs -L root -U ${UUID} -r 256 /disk-1.raw`,
      "e2fsck -f -n /disk-1.raw",
    ]);
    expect(bench.commands[1]!.env).toMatchObject({ E2FSPROGS_FAKE_TIME: "1600000000" });
  });

  it.each([
    ["uuid: must be a UUID: 8-4-4-4-12 hexadecimal digits", { uuid: "clear" }],
    ["label: must be at most 16 bytes long", { label: "x".repeat(17) }],
  ])("says %s", async (fault, inputs) => {
    await using bench = await stepBench();
    expect(bench.faults(tune, { image, ...inputs })).toEqual([fault]);
  });
});
