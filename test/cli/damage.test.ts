/** An output that is cached, and of which the store has lost a part. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Bench, bench } from "./cli.ts";

const CHUNK_BYTES = 64 * 1024;
const DISK = `
name: disk
steps:
  made: { uses: lab/disk }
outputs:
  image: \${{ steps.made.image }}
`;

let b: Bench;
beforeEach(async () => {
  b = await bench();
  await b.write("disk.yaml", DISK);
  expect(await b.run("run", "disk.yaml")).toMatchObject({ exitCode: 0 });
  rmSync(join(b.folder, "store/packs/1.pack"));
});
afterEach(() => b[Symbol.asyncDispose]());

it("is made anew by the run after the export that found it", async () => {
  const failed = await b.run("artifacts", "export", "disk", "-o", "disk.raw");
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain("blob-missing");
  expect(failed.stderr).toContain("run the template again: it makes made anew");
  await expectRepair();
});

it("is made anew by the run after a verification", async () => {
  const verified = await b.run("artifacts", "verify");
  expect(verified.exitCode).toBe(1);
  expect(verified.stdout).toContain("templates that need what is not whole: disk\n");
  expect(verified.stderr).toContain("the next run makes anew: made");
  await expectRepair();
});

async function expectRepair(): Promise<void> {
  const repaired = await b.run("run", "disk.yaml");
  expect(repaired.stdout).toMatch(/1 built/);
  expect(await b.run("artifacts", "export", "disk", "-o", "disk.raw")).toMatchObject({ exitCode: 0 });
  expect(statSync(join(b.folder, "disk.raw")).size).toBe(2 * CHUNK_BYTES);
}
