import { expect, it } from "vitest";
import * as z from "zod";
import type { SnapshotArtifact } from "../../../src/engine/artifact.ts";
import { snapshot } from "../../../src/engine/plugin/port.ts";
import { type ArtifactStepType, defineStep } from "../../../src/engine/plugin/step.ts";
import { create } from "../../../src/plugins/snapshot/create.ts";
import { resumeVm } from "../../../src/vm/resume.ts";
import { parseManifest } from "../../../src/vm/snapshot.ts";
import { tinyMachine, type VmBench, vmBench } from "./guest.ts";

/** Linux makes the boot's id when it is first read: here, before the machine is paused. */
const COUNT =
  "cat /proc/sys/kernel/random/boot_id > /run/boot; n=0; while :; do n=$((n+1)); echo $n > /run/counter; sleep 0.1; done";
const READ = "cat /run/counter /proc/sys/kernel/random/boot_id";

/** Starts the machine of a snapshot, runs commands in it, and returns what they printed. */
function resumes(bench: VmBench): ArtifactStepType {
  return defineStep({
    name: "resume",
    summary: "resume",
    inputs: { from: snapshot(), commands: z.array(z.string()), cold: z.boolean().default(false) },
    outputs: { printed: z.array(z.string()) },
    async run(step) {
      const { from, commands, cold } = step.inputs;
      const manifest = parseManifest(await step.readBlob(from.digest));
      const vm = await resumeVm({ ...step, readBlob: bench.readBlob }, manifest, { cold });
      const printed: string[] = [];
      for (const command of commands) {
        const { exitCode, stdout, stderr } = await vm.exec(command);
        printed.push(`${exitCode} ${stdout}${stderr}`);
      }
      await vm.stop();
      return { printed };
    },
  });
}

it("a machine goes on where it was paused, every time, and can be booted cold", async () => {
  await using bench = await vmBench();
  const { snapshot: from } = await bench.run<{ snapshot: SnapshotArtifact }>(create, {
    image: await tinyMachine(bench),
    memoryMiB: 256,
    cpus: 1,
    network: "none",
    start: COUNT,
    ready: { command: "test $(cat /run/counter) -gt 5" },
  });
  const resume = resumes(bench);
  const run = async (inputs: object) =>
    (await bench.run<{ printed: string[] }>(resume, { from, ...inputs })).printed;

  const [first = "", second = ""] = await run({ commands: [READ, `sleep 1; ${READ}`] });
  const [again = "", status] = await run({ commands: [READ, "echo out; echo err >&2; exit 5"] });
  const counters = [first, second, again].map((text) => Number(text.split(/\s+/)[1]));
  const boots = new Set([first, second, again].map((text) => text.split(/\s+/)[2]));
  expect(counters[0]).toBeGreaterThan(5);
  expect(counters[1]).toBeGreaterThan(counters[0]!);
  expect(boots.size).toBe(1);
  expect(status).toBe("5 out\nerr\n");

  const [cold] = await run({
    cold: true,
    commands: [`test -e /run/counter; echo $?; ${READ.split(" ").at(0)} ${READ.split(" ").at(-1)}`],
  });
  expect(cold).toMatch(/^0 1\n/);
  expect(boots).not.toContain(cold!.split(/\s+/)[2]);
}, 300_000);

it("says what the ready condition answered when it never comes true", async () => {
  await using bench = await vmBench();
  const never = bench.run(create, {
    image: await tinyMachine(bench),
    memoryMiB: 256,
    network: "none",
    ready: { command: "echo not yet; exit 3" },
    timeoutSeconds: 15,
  });
  await expect(never).rejects.toMatchObject({
    code: "vm-not-ready",
    message: expect.stringContaining("exited 3"),
    lastLines: ["not yet"],
  });
}, 180_000);
