/** Sources in every state: what each becomes as a tree, and that the stored image stays as it was. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import type { FileSystemFacts } from "../../../src/plugins/nbd/index.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";
import { startServices, temporaryStore } from "../host/services.ts";
import { differences, listTree } from "../tree-listing.ts";

type Made = { image: ImageArtifact };
type Source = { tree: { path: string; readOnly: boolean }; facts: FileSystemFacts };

/** Runs a script with `$IMG` for a raw file, which it makes, and `$MNT` for an empty folder. */
function rawFile(bench: StepBench, script: string): string {
  const [IMG, MNT] = [join(bench.folder, "source.raw"), join(bench.folder, "mnt")];
  mkdirSync(MNT);
  execFileSync("bash", ["-ec", script], { env: { ...process.env, IMG, MNT }, stdio: "pipe" });
  return IMG;
}

const EXT4 = "mke2fs -q -t ext4 $IMG 32M; mount -o loop $IMG $MNT; ";

/** Taken from a mounted file system after the journal was written and before anything else was. */
const NOT_UNMOUNTED = `${EXT4} echo here > $MNT/file; sync $MNT/file; cp $IMG $IMG.2; umount $MNT; mv $IMG.2 $IMG`;

const STATES: [state: string, script: string, logged: RegExp | undefined][] = [
  ["clean", `${EXT4} echo here > $MNT/file; umount $MNT`, undefined],
  ["not unmounted, its journal to be replayed", NOT_UNMOUNTED, /repaired on the view|recovering journal/],
  [
    "full to the last block",
    `${EXT4} echo here > $MNT/file; dd if=/dev/zero of=$MNT/full bs=64k status=none || true; umount $MNT`,
    undefined,
  ],
  [
    "said to have errors",
    `${EXT4} echo here > $MNT/file; umount $MNT; debugfs -w -R "ssv state 3" $IMG`,
    undefined,
  ],
  ["made to panic on errors", `${EXT4} echo here > $MNT/file; umount $MNT; tune2fs -e panic $IMG`, undefined],
  [
    "without a journal",
    "mke2fs -q -t ext2 $IMG 32M; mount -o loop $IMG $MNT; echo here > $MNT/file; umount $MNT",
    undefined,
  ],
];

describe("nbd/attach-source reads an ext4 source that is", () => {
  it.each(STATES)("%s", async (_state, script, logged) => {
    await using bench = await stepBench();
    const from = await bench.putImage(rawFile(bench, script));
    const digest = () =>
      createHash("sha256")
        .update(readFileSync(bench.imagePath(from)))
        .digest("hex");
    const before = digest();
    const { tree, facts } = await bench.run<Source>(attachSource, { from });
    expect(readFileSync(join(tree.path, "file"), "utf8")).toBe("here\n");
    expect(facts).toMatchObject({ type: "ext4", sizeMiB: 32 });
    if (logged) expect(bench.log.join("\n")).toMatch(logged);
    const [options] = execFileSync("findmnt", ["-no", "OPTIONS", tree.path], { encoding: "utf8" }).split(
      "\n",
    );
    expect(options!.split(",")).toEqual(expect.arrayContaining(["ro", "nodev", "nosuid", "noexec"]));
    expect(digest()).toBe(before);
  });
});

describe("a source with another file system", () => {
  let store: string;
  let bench: StepBench;

  beforeEach(async () => {
    store = await temporaryStore();
    bench = await stepBench({ services: await startServices(store) });
  });
  afterEach(async () => {
    await bench[Symbol.asyncDispose]();
    await rm(store, { recursive: true });
  });

  const CONTENT = `mkdir $MNT/d; echo here > $MNT/d/file; ln $MNT/d/file $MNT/hard; setfattr -n user.x -v y $MNT/hard
    truncate -s 1T $MNT/sparse; setfacl -m u:5:r $MNT/d; mkfifo $MNT/fifo; ln -s /etc $MNT/link; touch $MNT/fixed
    chattr +i $MNT/fixed; umount $MNT`;
  const MAKE = {
    xfs: `truncate -s 320M $IMG; mkfs.xfs -q -L root $IMG; mount -o loop $IMG $MNT; ${CONTENT}`,
    btrfs: `truncate -s 128M $IMG; mkfs.btrfs -q -L root $IMG; mount -o loop $IMG $MNT; ${CONTENT}`,
  };

  it.each(["xfs", "btrfs"] as const)(
    "%s is checked, and copied into ext4 with nothing lost",
    async (type) => {
      const from = await bench.putImage(rawFile(bench, MAKE[type]));
      const source = await bench.run<Source>(attachSource, { from });
      expect(source.facts).toMatchObject({
        type,
        label: "root",
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      const before = listTree(source.tree.path);
      expect([before.get("/fixed")?.flags, before.get("/sparse")?.sparse]).toEqual(["i", true]);
      const { image } = await bench.run<Made>(mkfs, { sizeMiB: 32 });
      const made = await bench.run<Made>(copy, { from: source.tree, image });
      const { tree } = await bench.run<Source>(attachSource, { from: made.image });
      expect(differences(before, listTree(tree.path))).toEqual([]);
      // Nothing was written to the stored image: a view of it seals to the same.
      const again = await bench.run<Source>(attachSource, { from, read: "whole" });
      expect(readdirSync(again.tree.path)).toContain("sparse");
    },
  );

  it("an xfs that was not unmounted needs to be told so", async () => {
    const dirty = `${MAKE.xfs}; mount -o loop $IMG $MNT; touch $MNT/late; xfs_io -xc 'shutdown -f' $MNT; umount $MNT`;
    const from = await bench.putImage(rawFile(bench, dirty));
    await expect(bench.run(attachSource, { from })).rejects.toMatchObject({
      code: "fsck-failed",
      hint: expect.stringContaining('repair: "yes"'),
    });
    const { tree } = await bench.run<Source>(attachSource, { from, repair: "yes" });
    expect([...listTree(tree.path).keys()]).toContain("/d/file");
  });

  it.each(["xfs", "btrfs"] as const)("a damaged %s is not mounted", async (type) => {
    const place = type === "xfs" ? "bs=1k seek=32 count=64" : "bs=1k seek=1024 count=60000";
    const damage = `; dd if=/dev/urandom of=$IMG conv=notrunc status=none ${place}`;
    const from = await bench.putImage(rawFile(bench, MAKE[type] + damage));
    await expect(bench.run(attachSource, { from })).rejects.toMatchObject({ code: "fsck-failed" });
  });
});

describe("e2fsck that", () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });

  it.each([
    ["is killed", "kill -9 $$", "tool-failed"],
    ["hangs", "exec sleep 60", "tool-timeout"],
    ["says 3, which is healthy", "exit 3", undefined],
    ["says 8|4", "exit 12", "fsck-failed"],
    ["says 127, as a shell that does not find it", "exit 127", "fsck-failed"],
  ])("%s decides whether the kernel mounts", async (_what, body, code) => {
    await using bench = await stepBench();
    const from = await bench.putImage(rawFile(bench, `${EXT4} umount $MNT`));
    const tools = join(bench.folder, "tools");
    mkdirSync(tools);
    writeFileSync(join(tools, "e2fsck"), `#!/bin/bash\n[ "$1" != -V ] || exec echo 1.0\n${body}\n`);
    chmodSync(join(tools, "e2fsck"), 0o755);
    process.env.PATH = `${tools}:${path}`;
    const attached = bench.run<Source>(attachSource, { from, checkSeconds: 2 });
    if (code) await expect(attached).rejects.toMatchObject({ code });
    else expect((await attached).tree.readOnly).toBe(true);
    const mounted = execFileSync("findmnt", ["-no", "TARGET", "-t", "ext4"], { encoding: "utf8" });
    expect(mounted.includes(bench.folder)).toBe(code === undefined);
  });
});
