import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Acquisition } from "../../src/engine/run/journal.ts";
import { releaseAcquisition } from "../../src/image/release.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tplgraph-release-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const release = (acquisition: Acquisition) => releaseAcquisition(acquisition, AbortSignal.timeout(10_000));

describe("a folder", () => {
  it("is removed with what is in it, also twice, also when its parent is gone", async () => {
    const path = join(root, "a/b");
    await mkdir(join(path, "c"), { recursive: true });
    await writeFile(join(path, "c/file"), "x");
    await release({ kind: "folder", path });
    expect(existsSync(path)).toBe(false);
    await release({ kind: "folder", path });
    await rm(join(root, "a"), { recursive: true });
    await release({ kind: "folder", path });
  });

  it("is not followed when it is a link", async () => {
    await mkdir(join(root, "other"));
    await symlink(join(root, "other"), join(root, "link"));
    await release({ kind: "folder", path: join(root, "link") });
    expect(existsSync(join(root, "other"))).toBe(true);
    expect(existsSync(join(root, "link"))).toBe(false);
  });

  it.each(["/", "/none", "/proc/self/root/none", "none/relative", "/none/../none/c", "/none/b/"])(
    "is never %s",
    async (path) => {
      await expect(release({ kind: "folder", path })).rejects.toThrow("bug");
    },
  );
});

it("removes a file, and minds only what is there", async () => {
  const path = join(root, "file");
  await writeFile(path, "x");
  await release({ kind: "file", path });
  await release({ kind: "file", path });
  expect(existsSync(path)).toBe(false);
  await mkdir(path);
  await expect(release({ kind: "file", path })).rejects.toThrow();
});

it.each<Acquisition>([
  { kind: "mount", path: "/run/tplgraph/none/d1.mnt" },
  { kind: "loop", backingFile: "/run/tplgraph/none/d1.img" },
  { kind: "nbdfuse", path: "/run/tplgraph/none/d1.img" },
  { kind: "export", socketPath: "/run/tplgraph/none/nbd.sock", name: "d1" },
  { kind: "kernel-nbd", device: "/dev/nbd4711", clientPid: 4711 },
])("takes a $kind that is not there for released", release);
