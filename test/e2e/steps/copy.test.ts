import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";
import { differences, listTree } from "../tree-listing.ts";

vi.setConfig({ testTimeout: 120_000 });

type Made = { image: ImageArtifact };
type Source = { tree: { path: string; readOnly: boolean } };

/** One of each kind of thing that a root file system can hold. */
const CORPUS = String.raw`
set -e
mkdir -p d/deep/er dir-700 sticky
echo one > plain; ln plain d/hard; ln -s /nowhere/at/all dangling; ln -s plain link
echo x > "$(printf 'name with\nnewline')"; echo y > "$(printf '\377\001 bytes')"; echo z > ./-dash; echo q > '*'
echo l > "$(head -c 255 /dev/zero | tr '\0' n)"
truncate -s 100M sparse; printf end | dd of=sparse bs=1 seek=50000000 conv=notrunc status=none
mknod null c 1 3; mknod disk b 7 200; mkfifo fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
cp /bin/true setuid; chown 1234:4321 setuid; chmod 6755 setuid
cp /bin/true capable; setcap cap_net_raw=ep capable
setfattr -n user.note -v text plain; setfattr -n trusted.overlay.opaque -v y d
setfacl -m u:1000:rw,g:1001:r plain; setfacl -d -m u:1000:rwx d
chmod 000 '*'; chmod 700 dir-700; chmod 1777 sticky
mkdir empty lost+found; touch -d '2001-02-03 04:05:06.789012345' empty plain; touch -h -d @1 link
chown -h 77:88 dangling; chown 5:6 .; chmod 751 .; touch -d '1999-12-31 23:59:59.5' .
`;

async function corpus(bench: StepBench): Promise<string> {
  const folder = join(bench.folder, "corpus");
  execFileSync("mkdir", [folder]);
  execFileSync("bash", ["-c", CORPUS], { cwd: folder });
  return folder;
}

it("rsync/copy loses nothing that a file carries", async () => {
  await using bench = await stepBench();
  const path = await corpus(bench);
  const before = listTree(path);
  const { image } = await bench.run<Made>(mkfs, { sizeMiB: 64 });
  const copied = await bench.run<Made>(copy, { from: { path, readOnly: true }, image });
  expect(() => execFileSync("e2fsck", ["-fn", bench.imagePath(copied.image)])).not.toThrow();
  const { tree } = await bench.run<Source>(attachSource, { from: copied.image });
  expect(differences(before, listTree(tree.path))).toEqual([]);
  expect(before.size).toBeGreaterThan(20);
  const inodes = ["plain", "d/hard"].map((name) => statSync(join(tree.path, name)).ino);
  expect(inodes[0]).toBe(inodes[1]);
  expect(statSync(join(tree.path, "sparse")).blocks).toBeLessThan(64);
});

it("rsync/copy leaves out what it is told to", async () => {
  await using bench = await stepBench();
  const path = await corpus(bench);
  const { image } = await bench.run<Made>(mkfs, { sizeMiB: 64 });
  const copied = await bench.run<Made>(copy, {
    from: { path, readOnly: true },
    image,
    excludes: ["/d/deep", "sparse"],
  });
  const { tree } = await bench.run<Source>(attachSource, { from: copied.image });
  const there = ["plain", "d/hard", "d/deep", "sparse"].map((name) => existsSync(join(tree.path, name)));
  expect(there).toEqual([true, true, false, false]);
});

it("rsync/copy says how much is missing, before it copies and when rsync finds out", async () => {
  await using bench = await stepBench();
  const path = await corpus(bench);
  execFileSync("dd", ["if=/dev/urandom", `of=${path}/big`, "bs=1M", "count=40", "status=none"]);
  const { image } = await bench.run<Made>(mkfs, { sizeMiB: 32 });
  const from = { path, readOnly: true };
  for (const excludes of [[], ["/plain"]])
    await expect(bench.run(copy, { from, image, excludes })).rejects.toMatchObject({
      code: "disk-too-small",
      message: expect.stringMatching(/\d+ MiB are missing/),
    });
  expect(execFileSync("losetup", ["-a"], { encoding: "utf8" })).not.toContain(bench.folder);
});
