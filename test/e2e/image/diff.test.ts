/** What `artifacts diff` says of two trees whose differences are known, in file systems of every kind of layout. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TplError } from "../../../src/engine/errors.ts";
import { compareTrees } from "../../../src/plugins/ext4/index.ts";
import { memoryDevice } from "../../../src/testing/index.ts";
import type { ChangedFile, DiffReport } from "../../../src/views/diff-text.ts";
import { seeded } from "../../image/seeded.ts";
import { type CliResult, cli, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const at = (name: string) => join(folder.path, name);
const tool = (name: string, ...args: string[]) =>
  execFileSync(name, args, { encoding: "utf8", stdio: "pipe" });
const artifacts = (...args: string[]): Promise<CliResult> =>
  cli(["artifacts", ...args, "--store", at("store")]);

/** Options of mke2fs: how files are laid out. */
const LAYOUTS: Record<string, string[]> = {
  extents: ["-t", "ext4"],
  blocks: ["-t", "ext2", "-b", "1024"],
  inline: ["-t", "ext4", "-O", "inline_data", "-I", "256"],
  wide: ["-t", "ext4", "-O", "64bit,metadata_csum", "-b", "4096"],
};

beforeAll(async () => {
  folder = await temporaryFolder();
  makeTree(at("before"), "before");
  makeTree(at("after"), "after");
  for (const [layout, options] of Object.entries(LAYOUTS))
    for (const tree of ["before", "after"]) {
      tool("mke2fs", "-q", ...options, "-d", at(tree), at(`${tree}-${layout}`), "96M");
      const imported = await artifacts("import", at(`${tree}-${layout}`), "--tag", `${tree}-${layout}`);
      expect(imported.exitCode, imported.stderr).toBe(0);
    }
}, 120_000);
afterAll(async () => {
  expect(leftovers(at("store"))).toEqual([]);
  await folder[Symbol.asyncDispose]();
});

/** Names may hold any byte: those are made by `printf` in a shell. */
function makeTree(path: string, which: "before" | "after"): void {
  const isAfter = which === "after";
  mkdirSync(join(path, "deep/er"), { recursive: true });
  const write = (name: string, content: string | Buffer) => writeFileSync(join(path, name), content);
  const large = seeded(7).bytes(3_000_001);
  write("same", "same");
  write("large-same", large);
  if (isAfter) large[2_900_000]! ^= 1;
  write("deep/er/large", large);
  write("small", isAfter ? "b" : "a");
  write("longer", "x".repeat(isAfter ? 200 : 100));
  write("mode", "x");
  write("sparse", "");
  truncateSync(join(path, "sparse"), 2 ** 33);
  tool(
    "dd",
    "if=/dev/urandom",
    `of=${join(path, "sparse")}`,
    "bs=4k",
    "seek=1500000",
    "count=1",
    "conv=notrunc",
  );
  if (isAfter) truncateSync(join(path, "sparse"), 2 ** 33);
  write(isAfter ? "new" : "old", "x");
  const shell = [
    `cd '${path}'`,
    `ln -s ${isAfter ? "there" : "here"} link`,
    `ln -s ${"long/".repeat(20)}${which} long-link`,
    `chmod ${isAfter ? "4755" : "0644"} mode`,
    isAfter ? `printf x > "$(printf 'new\\nline')"; printf x > "$(printf 'b\\377d')"` : "true",
    "i=0; while [ $i -lt 600 ]; do : > deep/a-rather-long-name-of-a-file-$i; i=$((i+1)); done",
  ];
  tool("sh", "-c", shell.join(" && "));
  if (process.geteuid!() === 0)
    tool(
      "sh",
      "-c",
      `cd '${path}' && mknod node c ${isAfter ? "5 300" : "5 1"} && chown ${isAfter ? 70000 : 1} mode`,
    );
}

const IS_ROOT = process.geteuid!() === 0;
const EXPECTED = [
  ["/b\\xffd", "added"],
  ["/deep/er/large", "content"],
  ["/link", "target"],
  ["/long-link", "target"],
  ["/longer", "size content"],
  ["/mode", IS_ROOT ? "mode owner" : "mode"],
  ["/new", "added"],
  ["/new\\nline", "added"],
  ...(IS_ROOT ? [["/node", "target"]] : []),
  ["/old", "removed"],
  ["/small", "content"],
  ["/sparse", "content"],
];

function summary(files: readonly ChangedFile[]): string[][] {
  return files.map(({ path, kind, changed }) => [path, kind === "changed" ? changed.join(" ") : kind]);
}

describe("the differences of two trees", () => {
  it.each([
    ["extents", "extents"],
    ["blocks", "blocks"],
    ["inline", "inline"],
    ["wide", "wide"],
    ["extents", "blocks"],
    ["inline", "wide"],
  ])("are the same in %s and %s", async (one, other) => {
    const result = await artifacts("diff", `before-${one}`, `after-${other}`, "--json");
    expect(result.exitCode, result.stderr).toBe(0);
    const report = JSON.parse(result.stdout) as DiffReport;
    expect(summary(report.files!).sort()).toEqual(EXPECTED.toSorted());
    expect(report.ranges!.length).toBeGreaterThan(0);
  });

  it("are none of a tree to itself in another layout", async () => {
    const result = await artifacts("diff", "before-extents", "before-blocks", "--files");
    expect(result.stdout).toContain("no file differs");
  });

  it("are told as lines with what was before and after", async () => {
    const { stdout } = await artifacts("diff", "before-extents", "after-extents");
    expect(stdout).toMatch(/^files: 3 added, 1 removed, /m);
    expect(stdout).toMatch(/^~ \/link {2}target here → there$/m);
    expect(stdout).toMatch(/^\+ \/new\\nline {2}file 0644 0:0 1 B$/m);
  });
});

it("ranges are to the block, and none where nothing changed", async () => {
  const bytes = readFileSync(at("before-extents"));
  const free = bytes.length - 8192;
  bytes.fill(0xff, free + 5, free + 6);
  writeFileSync(at("touched"), bytes);
  expect((await artifacts("import", at("touched"), "--tag", "touched")).exitCode).toBe(0);
  const listed = await artifacts("diff", "before-extents", "touched", "--ranges");
  expect(listed.stdout.trim().split("\n").slice(-2)).toEqual(["1 range, 4 KiB differ", `${free} 4096`]);
  const same = await artifacts("diff", "touched", "touched");
  expect(same.stdout).toContain("no difference");
});

it("a journal that is still to be replayed is, on a view", async () => {
  tool("cp", at("after-extents"), at("unclean"));
  tool("debugfs", "-w", "-R", "feature needs_recovery", at("unclean"));
  expect((await artifacts("import", at("unclean"), "--tag", "unclean")).exitCode).toBe(0);
  const result = await artifacts("diff", "before-extents", "unclean", "--json");
  expect(summary((JSON.parse(result.stdout) as DiffReport).files!).sort()).toEqual(EXPECTED.toSorted());
  const unclean = JSON.parse((await artifacts("inspect", "unclean", "--json")).stdout);
  expect(unclean.state).toBe("present");
});

it("two things of different types are refused, and an unknown name is", async () => {
  expect(await artifacts("diff", "touched", "nosuch")).toMatchObject({ exitCode: 2 });
});

it("a damaged file system gives an answer or a clear error, and never anything else", async () => {
  tool("mke2fs", "-q", ...LAYOUTS.inline!, "-d", at("before"), at("fuzzed"), "12M");
  const whole = readFileSync(at("fuzzed"));
  const random = seeded(11);
  let refused = 0;
  for (let round = 0; round < 100; round++) {
    const mutated = Buffer.from(whole);
    for (let i = 0; i < 40; i++) mutated[1024 + random.below(whole.length - 1024)] = random.below(256);
    // The superblock, group descriptors and the first inodes are where it hurts.
    for (let i = 0; i < 5; i++) mutated[1024 + random.below(256 * 1024)] = random.below(256);
    const options = { areAlike: () => false, signal: AbortSignal.timeout(20_000) };
    await compareTrees(memoryDevice(whole), memoryDevice(mutated), options).catch((error: unknown) => {
      if (!(error instanceof TplError)) throw error;
      refused++;
    });
  }
  expect(refused).toBeGreaterThan(0);
}, 120_000);
