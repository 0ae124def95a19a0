import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Acquisition } from "../../../src/engine/run/journal.ts";
import { releaseAcquisition } from "../../../src/image/release.ts";

describe.skipIf(process.geteuid!() !== 0)("the release of a folder", () => {
  it("is refused while something is mounted below it, also when it is named through a link", async () => {
    const root = await mkdtemp(join(tmpdir(), "tplgraph-release-"));
    const folder: Acquisition = { kind: "folder", path: join(root, "owned/folder") };
    const linked: Acquisition = { kind: "folder", path: join(root, "link/folder") };
    const mount: Acquisition = { kind: "mount", path: join(root, "owned/folder/mount") };
    await mkdir(mount.path, { recursive: true });
    await symlink(join(root, "owned"), join(root, "link"));
    execFileSync("mount", ["-t", "tmpfs", "none", mount.path]);
    try {
      await writeFile(join(mount.path, "file"), "x");
      for (const acquisition of [folder, linked])
        await expect(release(acquisition)).rejects.toMatchObject({ code: "folder-has-mounts" });
      expect(existsSync(join(mount.path, "file"))).toBe(true);
    } finally {
      await release(mount);
    }
    await release(mount);
    await release(folder);
    expect(existsSync(folder.path)).toBe(false);
    await rm(root, { recursive: true });
  });
});

function release(acquisition: Acquisition): Promise<void> {
  return releaseAcquisition(acquisition, AbortSignal.timeout(10_000));
}
