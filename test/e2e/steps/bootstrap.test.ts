import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { debian } from "../../../src/plugins/bootstrap/debian.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { anotherDay } from "../another-day.ts";

type Made = { image: ImageArtifact };

it("bootstrap/debian makes the same root on another day, whole, with nothing of this machine in it", async () => {
  await using bench = await stepBench();
  const inputs = { suite: "bookworm", packages: ["iputils-ping"], sizeMiB: 400, label: "root" };
  const { image } = await bench.run<Made>(debian, inputs);
  expect(image.bytes).toBe(400 * 1024 * 1024);
  expect(() => execFileSync("e2fsck", ["-fn", bench.imagePath(image)])).not.toThrow();
  const { tree } = await bench.run<{ tree: { path: string } }>(attachSource, { from: image });
  const inside = (path: string) => join(tree.path, path);
  expect(execFileSync("getcap", [inside("usr/bin/ping")], { encoding: "utf8" })).toContain("cap_net_raw");
  expect(readFileSync(inside("etc/os-release"), "utf8")).toContain("bookworm");
  expect(readFileSync(inside("etc/apt/sources.list"), "utf8")).toMatch(/^deb .* bookworm main$/m);
  expect(readFileSync(inside("etc/dpkg/dpkg.cfg.d/99mmdebstrap"), "utf8")).toMatch(/^path-exclude=/);
  const foreign = [
    "etc/hostname",
    "etc/resolv.conf",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "usr/share/man/man8",
  ];
  expect(foreign.filter((path) => existsSync(inside(path)))).toEqual([]);
  await bench.release();
  // An archive that is renewed every week is out of date then, unless the machine's apt does not mind.
  const aptConf = join(bench.folder, "apt.conf");
  writeFileSync(aptConf, 'Acquire::Check-Valid-Until "false";\n');
  await using later = await anotherDay(30);
  for (const [name, value] of Object.entries({ ...later.env, APT_CONFIG: aptConf })) vi.stubEnv(name, value);
  try {
    expect((await bench.run<Made>(debian, inputs)).image).toEqual(image);
  } finally {
    vi.unstubAllEnvs();
  }
}, 300_000);

it("bootstrap/debian says how much is missing where the disk is too small", async () => {
  await using bench = await stepBench();
  await expect(
    bench.run(debian, { suite: "bookworm", variant: "essential", sizeMiB: 64 }),
  ).rejects.toMatchObject({
    code: "disk-too-small",
    message: expect.stringMatching(/\d+ MiB are missing/),
  });
}, 300_000);
