/**
 * A small job on a store of its own, of which a part is then damaged on the disk.
 *
 *     empty ─▶ laid ─▶ source ─▶ files
 *                      target ──▶
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { staticBusybox } from "../../../src/vm/initramfs.ts";
import { build, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

const SMALL = `
name: small
steps:
  empty: { uses: ext4/mkfs, with: { sizeMiB: 64 } }
  laid: { uses: provision/overlay, with: { image: "\${{ steps.empty.image }}" } }
  source: { uses: nbd/attach-source, with: { from: "\${{ steps.laid.image }}" } }
  target: { uses: ext4/mkfs, with: { sizeMiB: 96 } }
  files:
    uses: rsync/copy
    with: { from: "\${{ steps.source.tree }}", image: "\${{ steps.target.image }}" }
outputs:
  rootfs: \${{ steps.files.image }}
`;

it("a copy from a mounted image that is damaged makes the image anew and goes on", async () => {
  await using folder = await temporaryFolder();
  const template = join(folder.path, "small.yaml");
  const store = join(folder.path, "store");
  writeFileSync(template, SMALL);
  const first = await build([template, "--store", store]);
  expect(first.counts.built).toBe(4);

  // 4 KiB of a file are a block of the file system, which lies whole in one chunk.
  const block = readFileSync(await staticBusybox()).subarray(1024 * 1024, 1024 * 1024 + 4096);
  expect(flipChunksWith(block, join(store, "packs"))).toBeGreaterThan(0);

  const again = await build([template, "--store", store, "--force", "files"]);
  expect(again.nodes).toMatchObject({ laid: { status: "built" }, files: { status: "built" } });
  expect(again.nodes.laid!.outputs).toEqual(first.nodes.laid!.outputs);
  expect(leftovers(store)).toEqual([]);
}, 120_000);

/** How many there were. */
function flipChunksWith(block: Buffer, packs: string): number {
  let flipped = 0;
  for (const name of readdirSync(packs).filter((name) => name.endsWith(".pack"))) {
    const pack = readFileSync(join(packs, name));
    for (let at = pack.indexOf(block); at >= 0; at = pack.indexOf(block, at + 1), flipped++)
      pack[at]! ^= 0xff;
    writeFileSync(join(packs, name), pack);
  }
  return flipped;
}
