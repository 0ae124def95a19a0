/**
 * 2,000 images that were damaged at random, against the steps that take somebody else's image. All of them go through
 * the check and up to the mount; those that the check lets through are checked again, and a sample of them is mounted
 * by this machine's kernel and copied. A seed that fails is in the message, and always gives the same image.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { TplError } from "../../../src/engine/errors.ts";
import { inParallel } from "../../../src/engine/in-parallel.ts";
import type { Services } from "../../../src/engine/run/services.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { FileDisk } from "../../../src/testing/file-disk.ts";
import { fileServices } from "../../../src/testing/file-services.ts";
import { recordedDigest } from "../../../src/testing/recorder.ts";
import { stepBench } from "../../../src/testing/step.ts";
import { baseImages, mutated } from "./mutated-image.ts";

vi.setConfig({ testTimeout: 1_800_000 });

const IMAGES = Number(process.env.TPLGRAPH_TEST_IMAGES ?? 2000);
const MOUNTED = Math.ceil(IMAGES / 10);
const AT_A_TIME = 4;
/** No check of 2.5 MiB takes this long; one that does goes in a circle. */
const CHECK_SECONDS = 30;

/** How a source may be refused. Anything else is a fault of ours. */
const REFUSALS = ["fsck-failed", "not-ext4", "unknown-file-system"];

let folder: string;
let bases: Buffer[];
const passed: { seed: number; repair: "preen" | "yes" }[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "corrupted-"));
  bases = baseImages(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A disk over a file whose mount only says that it came so far: the order of things, without the kernel. */
class GatedDisk extends FileDisk {
  isMounted = false;

  override async mount(): Promise<string> {
    this.isMounted = true;
    return "/not-mounted";
  }
}

async function gateServices(path: string): Promise<Services & { mounted(): boolean }> {
  const disk = new GatedDisk(path, bases[0]!.length, "read-write", () => Promise.reject(new Error("sealed")));
  const services = await fileServices(join(`${path}.d`));
  return {
    ...services,
    mounted: () => disk.isMounted,
    openDisk: async () => ({ disk, close: async () => {}, fault: async () => undefined }),
  };
}

it(`the check decides on each of ${IMAGES}, in time, and lets only whole ones through`, async () => {
  const outcomes: Record<string, number> = {};
  const wrong: string[] = [];
  await inParallel(Array.from({ length: IMAGES }).keys(), AT_A_TIME, async (seed) => {
    const repair = seed % 2 === 0 ? "preen" : "yes";
    const path = join(folder, `image-${seed}`);
    writeFileSync(path, mutated(bases, seed));
    mkdirSync(`${path}.d`);
    const services = await gateServices(path);
    const bench = await stepBench({ services });
    try {
      const from: ImageArtifact = { type: "image", digest: recordedDigest(seed), bytes: bases[0]!.length };
      const code = await outcomeOf(bench.run(attachSource, { from, repair, checkSeconds: CHECK_SECONDS }));
      outcomes[code] = (outcomes[code] ?? 0) + 1;
      if (code !== "passed" && !REFUSALS.includes(code)) wrong.push(`seed ${seed}, ${repair}: ${code}`);
      if (services.mounted() !== (code === "passed")) wrong.push(`seed ${seed}: mounted, but ${code}`);
      if (code === "passed") {
        const { status } = spawnSync("e2fsck", ["-fn", path]);
        if (status === 0) passed.push({ seed, repair });
        else wrong.push(`seed ${seed}, ${repair}: let through, and e2fsck -fn exits ${status}`);
      }
    } finally {
      await bench[Symbol.asyncDispose]();
      rmSync(path, { force: true });
      rmSync(`${path}.d`, { recursive: true, force: true });
    }
  });
  console.log(outcomes);
  expect(wrong).toEqual([]);
  expect(passed.length).toBeGreaterThan(IMAGES / 4);
  expect(outcomes["fsck-failed"]).toBeGreaterThan(IMAGES / 10);
});

it(`the kernel mounts ${MOUNTED} of those, and each is copied or refused with a reason`, async () => {
  const sample = passed.toSorted((a, b) => a.seed - b.seed).slice(0, MOUNTED);
  expect(sample.length).toBe(MOUNTED);
  const wrong: string[] = [];
  const fresh = join(folder, "fresh");
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-N", "400", fresh, "4096"]);
  await inParallel(sample, 2, async ({ seed, repair }) => {
    const file = join(folder, `mounted-${seed}`);
    writeFileSync(file, mutated(bases, seed));
    const own = await stepBench();
    try {
      const source = await own.run<{ tree: { path: string; readOnly: boolean } }>(attachSource, {
        from: await own.putImage(file),
        repair,
      });
      const { path } = source.tree;
      const target = await own.putImage(fresh);
      const code = await outcomeOf(own.run(copy, { from: { path, readOnly: true }, image: target }));
      // An image may hold a file that is larger than its disk, or attributes of namespaces that are none.
      if (!["passed", "copy-failed", "disk-too-small", "too-few-inodes", "no-lost-and-found"].includes(code))
        wrong.push(`seed ${seed}, ${repair}: ${code}`);
    } catch (error) {
      wrong.push(`seed ${seed}, ${repair}: ${error}`);
    } finally {
      await own[Symbol.asyncDispose]();
      rmSync(file);
    }
  });
  expect(wrong).toEqual([]);
});

async function outcomeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
    return "passed";
  } catch (error) {
    return error instanceof TplError ? error.code : String(error);
  }
}
