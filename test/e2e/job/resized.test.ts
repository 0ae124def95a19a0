import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { build, cli, temporaryFolder } from "../cli.ts";

const TEMPLATE = "templates/resized.yaml";
const MIB = 1024 * 1024;

async function planned(...args: string[]): Promise<{ id: string; note?: string; reproducible?: boolean }> {
  const { stdout } = await cli(["plan", TEMPLATE, "--format", "json", ...args]);
  return JSON.parse(stdout).nodes.find(({ id }: { id: string }) => id === "resized");
}

describe(TEMPLATE, () => {
  it("has as much free as is asked for, and the plan says that it is done in place", async () => {
    const record = await build([TEMPLATE, "-p", "freeMiB=700"]);
    await using folder = await temporaryFolder();
    const file = join(folder.path, "root.ext4");
    await cli(["artifacts", "export", record.outputs.rootfs!.digest, "-o", file]);
    const facts = execFileSync("dumpe2fs", ["-h", file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const fact = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(facts)?.[1]);
    const freeMiB = ((fact("Free blocks") - fact("Reserved block count")) * fact("Block size")) / MIB;
    expect(freeMiB).toBeGreaterThanOrEqual(700);
    expect(freeMiB).toBeLessThanOrEqual(707);
    expect(await planned("-p", "freeMiB=700")).toMatchObject({ note: expect.stringMatching(/^in place: /) });
  });

  it("would be rebuilt for another inode ratio, and the plan says why", async () => {
    const node = await planned("-p", "bytesPerInode=16384");
    expect(node).toMatchObject({
      note: expect.stringMatching(/^rebuilds: .*every 4096 bytes, not every 16384/),
    });
    expect(node).not.toHaveProperty("reproducible");
  });
});
