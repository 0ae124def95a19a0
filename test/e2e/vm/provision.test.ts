import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { run } from "../../../src/plugins/provision/run.ts";
import { tinyRoot, vmBench } from "./guest.ts";

function vmsOf(store: string): string {
  const processes = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
  return processes
    .split("\n")
    .filter((line) => line.includes("qemu-system") && line.includes(store))
    .join("\n");
}

it("runs the script as root in the image and keeps what it wrote", async () => {
  await using bench = await vmBench();
  const script = await bench.script(
    '#!/bin/sh\necho "$GREETING" > /etc/greeting\necho done $TPLGRAPH_PACKAGES\n',
  );
  const image = await tinyRoot(bench);
  const inputs = { image, script, env: { GREETING: "it's me" }, packages: ["a", "b"], apt: "image" };
  const first = await bench.run<{ image: ImageArtifact }>(run, inputs);
  expect(first.image.digest).not.toBe(image.digest);
  expect(bench.log).toContain("script: done a b");

  const reader = await bench.script("#!/bin/sh\ncat /etc/greeting /proc/mounts\nls /run/tplgraph /dev/vdb\n");
  await bench.run(run, { image: first.image, script: reader, network: "none" });
  expect(bench.log).toContain("script: it's me");
  expect(vmsOf(bench.store)).toBe("");
}, 180_000);

it("fails with the script's status and last lines, whatever the script prints on the console", async () => {
  await using bench = await vmBench();
  const script = await bench.script(
    "echo about to fail\necho 'exit 0' > /dev/console\necho 'exit 0'\nexit 7\n",
  );
  const failing = bench.run(run, { image: await tinyRoot(bench), script, network: "none" });
  await expect(failing).rejects.toMatchObject({
    code: "provision-failed",
    message: expect.stringContaining("exited 7"),
    lastLines: ["about to fail", "exit 0"],
  });
}, 180_000);

it("tells a machine that ended from a script that failed", async () => {
  await using bench = await vmBench();
  const script = await bench.script("/usr/lib/tplgraph/busybox poweroff -f\n");
  const dying = bench.run(run, { image: await tinyRoot(bench), script, network: "none" });
  await expect(dying).rejects.toMatchObject({ code: "vm-died" });
}, 180_000);

it("tells a machine that hangs", async () => {
  await using bench = await vmBench();
  const script = await bench.script("echo waiting\nsleep 1000\n");
  const image = await tinyRoot(bench);
  const hanging = bench.run(run, { image, script, network: "none", timeoutSeconds: 20 });
  await expect(hanging).rejects.toMatchObject({ code: "vm-timeout", lastLines: ["waiting"] });
  expect(vmsOf(bench.store)).toBe("");
}, 180_000);

it("ends the machine when the build is cancelled", async () => {
  const build = new AbortController();
  await using bench = await vmBench({ signal: build.signal });
  const script = await bench.script("echo waiting\nsleep 1000\n");
  const cancelled = bench.run(run, { image: await tinyRoot(bench), script, network: "none" });
  cancelled.catch(() => {});
  await expect.poll(() => bench.log, { timeout: 60_000 }).toContain("script: waiting");
  build.abort(new Error("cancelled"));
  await expect(cancelled).rejects.toThrow("cancelled");
  expect(vmsOf(bench.store)).toBe("");
}, 180_000);
