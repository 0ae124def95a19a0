/** The examples of docs/steps.md that need neither a VM nor an archive, run as they stand on a small root. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cli, root } from "../cli.ts";

const NEED_MORE = ["bootstrap-debian.yaml", "provision-run.yaml", "snapshot-create.yaml"];
const examples = join(root, "docs/examples");
const runnable = readdirSync(examples).filter((name) => !NEED_MORE.includes(name));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "examples-"));
  cpSync(examples, folder, { recursive: true });
  execFileSync("mkdir", ["-p", join(folder, "root/etc"), join(folder, "root/var/cache")]);
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", join(folder, "root"), join(folder, "base.ext4"), "48M"]);
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each(runnable)("%s builds", async (name) => {
  const result = await cli(["run", join(folder, name), "--store", join(folder, "store")]);
  expect(result.stderr).not.toContain("error");
  expect(result.exitCode).toBe(0);
});
