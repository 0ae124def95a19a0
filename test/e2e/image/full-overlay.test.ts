/** An overlay on a file system that is full: a tmpfs of 1 MiB, which needs root. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { emptyMap, openView } from "../../../src/image/index.ts";
import { memoryBlobs } from "../../../src/store/blobs/memory.ts";

const MIB = 1024 * 1024;
const isRoot = process.getuid?.() === 0;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "full-"));
  if (isRoot) await execa("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
});
afterEach(async () => {
  if (isRoot) await execa("umount", [folder]);
  await rm(folder, { recursive: true });
});

test.skipIf(!isRoot)(
  "a write that finds no space fails alone and says why; what was written before stays",
  async () => {
    const view = await openView({
      blobs: memoryBlobs(),
      map: emptyMap(64 * MIB),
      overlayPath: join(folder, "overlay"),
    });
    await view.write(0, Buffer.alloc(4096, 7));
    await expect(view.write(8 * MIB, Buffer.alloc(4 * MIB, 1))).rejects.toMatchObject({ code: "ENOSPC" });
    expect(view.fault()).toMatchObject({ code: "overlay-failed" });
    expect((await view.read(0, 4096)).equals(Buffer.alloc(4096, 7))).toBe(true);
    expect((await view.read(8 * MIB, 4096)).equals(Buffer.alloc(4096))).toBe(true);
    await view.close();
  },
);
