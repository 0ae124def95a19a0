/**
 * The kernel's NBD client for real, in a guest, since its module is rarely there where tests run: one boot for all of
 * `checks.ts`, whose results come over the console.
 */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { defineStep } from "../../../src/engine/plugin/step.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { findAccelerator } from "../../../src/vm/accelerator.ts";
import { prepareBootFiles, startVm } from "../../../src/vm/machine.ts";
import { qemuVersion } from "../../../src/vm/qemu-version.ts";
import { type CheckResult, RESULT_MARK } from "./result.ts";
import { makeRootImage } from "./root-image.ts";

/** The names in `checks.ts`, which can be loaded only where it is to run. */
const NAMES = [
  ...readFileSync(join(import.meta.dirname, "checks.ts"), "utf8").matchAll(/^ {2}async "(.+)"\(\)/gm),
].map((match) => match[1]!);

/** An emulated guest on two idle cores takes a fifth of it. */
const GUEST_MS = 500_000;

const results = new Map<string, CheckResult>();
let consoleTail: readonly string[] = [];

const guest = defineStep({
  name: "guest",
  summary: "Boot a guest that checks things, and wait until it has ended",
  inputs: {},
  outputs: {},
  async run(step) {
    const folder = await step.scratch();
    const staging = join(folder, "root");
    await mkdir(staging);
    const rootPath = join(folder, "root.img");
    await makeRootImage(rootPath, staging);
    const { name: accelerator, cpuModel } = await findAccelerator(step);
    const { machineType } = await qemuVersion(step);
    const machine = await startVm(step, {
      boot: await prepareBootFiles(folder),
      config: {
        ...{ machineType, accelerator, cpuModel, cpus: 2, memoryMiB: 1536, network: "none", ports: [] },
        disks: [{ id: "root", readOnly: false }],
      },
      diskSources: [{ kind: "file", path: rootPath }],
      kernelArguments: [],
      onConsole(line) {
        if (!line.startsWith(RESULT_MARK)) return;
        const result: CheckResult = JSON.parse(line.slice(RESULT_MARK.length));
        results.set(result.name, result);
      },
    });
    // One that hangs is ended, so that it shows which check it hangs in.
    await Promise.race([machine.exited, setTimeout(GUEST_MS, undefined, { ref: false })]);
    await machine.stop();
    consoleTail = machine.consoleTail();
    return {};
  },
});

beforeAll(async () => {
  await using bench = await stepBench();
  await bench.run(guest, {});
}, 580_000);

it("every check was run", () => {
  expect([...results.keys()]).toEqual(NAMES);
});

it.each(NAMES)("%s", (name) => {
  const result = results.get(name);
  expect(result, `it was not run; the console ended with:\n${consoleTail.join("\n")}`).toBeDefined();
  expect(result?.error).toBeUndefined();
});
