import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../../src/engine/run/record.ts";
import { build, cli, temporaryFolder } from "../cli.ts";
import { differences, type Entry, listTree } from "../tree-listing.ts";

const MIB = 1024 * 1024;

let python: RunRecord;
let ids: Map<string, string>;

beforeAll(async () => {
  python = await build(["templates/python.yaml"]);
  const { stdout } = await cli(["plan", "templates/python.yaml", "--format", "json"]);
  const nodes = (JSON.parse(stdout) as { nodes: { id: string; uses: string }[] }).nodes;
  ids = new Map(nodes.filter((node) => !node.id.includes("/")).map((node) => [node.uses, node.id]));
}, 900_000);

/** Exports `ref` and lists what is in it, as a read-only mount of the exported file. */
async function exported(
  ref: string,
): Promise<{ bytes: number; storedBytes: number; tree: Map<string, Entry> }> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "root.ext4");
  const result = await cli(["artifacts", "export", ref, "-o", file]);
  expect(result.exitCode, result.stderr).toBe(0);
  execFileSync("e2fsck", ["-fn", file], { stdio: "ignore" });
  const mountPoint = join(folder.path, "mnt");
  mkdirSync(mountPoint);
  execFileSync("mount", ["-o", "ro,loop", file, mountPoint]);
  try {
    const { size, blocks } = statSync(file);
    return { bytes: size, storedBytes: blocks * 512, tree: listTree(mountPoint) };
  } finally {
    execFileSync("umount", [mountPoint]);
  }
}

describe("an exported root file system", () => {
  it("is clean, of the template's size to the byte, and sparse", async () => {
    const { bytes, storedBytes } = await exported(python.outputs.rootfs!.digest);
    expect(bytes).toBe(Number(python.template.params.diskMiB) * MIB);
    expect(storedBytes).toBeLessThan(bytes / 2);
  });

  it("copied, has every file of the source with everything the file carries", async () => {
    const base = await build(["templates/base.yaml"]);
    const source = await exported(base.outputs.rootfs!.digest);
    const copy = await exported(python.nodes[ids.get("rsync/copy")!]!.outputs!.image!.digest);
    expect(differences(source.tree, copy.tree)).toEqual([]);
    expect(source.tree.size).toBeGreaterThan(3000);
  });

  it("finished, has python and the provisioning files, and changed no mode, owner or xattr of what it kept", async () => {
    const base = await build(["templates/base.yaml"]);
    const before = (await exported(base.outputs.rootfs!.digest)).tree;
    const after = (await exported(python.outputs.rootfs!.digest)).tree;
    expect([...after.keys()].some((path) => /^\/usr\/bin\/python3(\.\d+)?$/.test(path))).toBe(true);
    const kept = [...before].filter(([path, entry]) => {
      const now = after.get(path);
      return now && entry.type === "f" && now.sha256 === entry.sha256 && now.mtime === entry.mtime;
    });
    expect(kept.length).toBeGreaterThan(2500);
    const changed = kept.filter(([path, entry]) => {
      const now = after.get(path)!;
      return now.mode !== entry.mode || now.owner !== entry.owner || now.xattrs !== entry.xattrs;
    });
    expect(changed.map(([path]) => path)).toEqual([]);
  });

  it("grown in place, holds the same kind of system at the same size", async () => {
    const grown = await build(["templates/grow.yaml"]);
    const { bytes, tree } = await exported(grown.outputs.rootfs!.digest);
    expect(bytes).toBe(Number(grown.template.params.diskMiB) * MIB);
    expect([...tree.keys()].some((path) => /^\/usr\/bin\/python3/.test(path))).toBe(true);
  });
});
