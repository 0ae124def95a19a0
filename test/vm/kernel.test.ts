import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findKernel } from "../../src/vm/kernel.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kernel-"));
  mkdirSync(join(folder, "boot"));
  mkdirSync(join(folder, "modules"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function install(release: string, parts: ("boot" | "modules")[] = ["boot", "modules"]): void {
  if (parts.includes("boot")) writeFileSync(join(folder, "boot", `vmlinuz-${release}`), "");
  if (parts.includes("modules")) mkdirSync(join(folder, "modules", release));
}

const find = () => findKernel({ boot: join(folder, "boot"), modules: join(folder, "modules") });

it("prefers a cloud kernel, then the newest, of those whose modules are there", async () => {
  install("6.1.0-9-cloud-amd64");
  install("6.1.0-10-cloud-amd64");
  install("6.5.0-1-amd64");
  install("6.6.0-1-cloud-amd64", ["boot"]);
  expect((await find()).release).toBe("6.1.0-10-cloud-amd64");
});

it("says what to install where there is none", async () => {
  install("6.1.0-10-cloud-amd64", ["modules"]);
  await expect(find()).rejects.toMatchObject({
    code: "no-guest-kernel",
    hint: "apt-get install linux-image-cloud-amd64",
  });
});
