/** What clients that others wrote make of holes: nbdinfo --map, qemu-img map, nbdcopy and qemu-img convert keep them. */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emptyMap, loadMap } from "../../../src/image/index.ts";
import { seeded } from "../../image/seeded.ts";
import { MIB, type ServedViews, serveViews } from "./served-views.ts";

const GIB = 1024 * MIB;
/** More than one block status request can ask about. */
const SIZE = 5 * GIB;

let served: ServedViews;

beforeEach(async () => {
  served = await serveViews();
});
afterEach(() => served[Symbol.asyncDispose]());

/**
 * data 1 MiB | hole 1 MiB, dirty | data 1 MiB | hole to 4.5 GiB | data 1 MiB, dirty | hole to the end
 */
async function sparse(name: string) {
  const first = await served.empty("first", SIZE);
  await first.write(0, seeded(1).bytes(3 * MIB));
  const view = await served.serve(name, { map: await loadMap(served.blobs, await first.seal()) });
  await view.trim(MIB, MIB);
  await view.write(4.5 * GIB, seeded(2).bytes(MIB));
  return view;
}

const EXTENTS = [
  { offset: 0, length: MIB, isHole: false, isDirty: false },
  { offset: MIB, length: MIB, isHole: true, isDirty: true },
  { offset: 2 * MIB, length: MIB, isHole: false, isDirty: false },
  { offset: 3 * MIB, length: 4.5 * GIB - 3 * MIB, isHole: true, isDirty: false },
  { offset: 4.5 * GIB, length: MIB, isHole: false, isDirty: true },
  { offset: 4.5 * GIB + MIB, length: 0.5 * GIB - MIB, isHole: true, isDirty: false },
];

describe("nbdinfo --map", () => {
  test("shows what is zeros", async () => {
    await sparse("disk");
    const { stdout } = await execa("nbdinfo", ["--map", "--json", served.uri("disk")]);
    const map = merged(JSON.parse(stdout));
    expect(map).toEqual(
      EXTENTS.map(({ offset, length, isHole }) => ({ offset, length, type: isHole ? 3 : 0 })),
    );
    expect(served.log).toEqual([]);
  });

  test("shows what was changed", async () => {
    await sparse("disk");
    const { stdout } = await execa("nbdinfo", ["--map=x-tplgraph:dirty", "--json", served.uri("disk")]);
    const map = merged(JSON.parse(stdout));
    expect(map).toEqual(
      merged(EXTENTS.map(({ offset, length, isDirty }) => ({ offset, length, type: isDirty ? 1 : 0 }))),
    );
  });
});

describe("copies", () => {
  test("out keep holes, with nbdcopy and qemu-img", async () => {
    const view = await sparse("disk");
    const before = view.stats().readBytes;
    for (const [name, command] of [
      ["nbdcopy", ["nbdcopy", served.uri("disk")]],
      ["nbdcopy-to-zeros", ["nbdcopy", "--destination-is-zero", served.uri("disk")]],
      ["qemu", ["qemu-img", "convert", "-f", "raw", "-O", "raw", served.uri("disk")]],
    ] as const) {
      const path = join(served.folder, `${name}.raw`);
      await execa(command[0], [...command.slice(1), path]);
      const { size, blocks } = await stat(path);
      expect(size).toBe(SIZE);
      expect(blocks * 512).toBeLessThan(5 * MIB);
      await execa("qemu-img", ["compare", "-f", "raw", "-F", "raw", path, served.uri("disk")]);
    }
    // Three copies and three comparisons; the data is 2 MiB.
    expect(view.stats().readBytes - before).toBeLessThanOrEqual(6 * 3 * MIB);
    expect(served.log).toEqual([]);
  });

  test("in keep holes, and make the same image", async () => {
    const view = await sparse("disk");
    for (const name of ["plain", "zeroed"]) {
      const to = await served.empty(name, SIZE);
      if (name === "zeroed") await to.write(GIB, seeded(3).bytes(MIB));
      await execa("nbdcopy", [served.uri("disk"), served.uri(name)]);
      expect(await to.seal()).toEqual(await view.seal());
      expect(to.stats().dirtyBytes).toBeLessThanOrEqual(4 * MIB);
    }
    expect(served.log).toEqual([]);
  });

  test("are planned by qemu-img from the same map", async () => {
    await sparse("disk");
    const { stdout } = await execa("qemu-img", ["map", "--output=json", "-f", "raw", served.uri("disk")]);
    const map = (JSON.parse(stdout) as { start: number; length: number; data: boolean; zero: boolean }[]).map(
      ({ start, length, zero }) => ({ offset: start, length, type: zero ? 3 : 0 }),
    );
    expect(merged(map)).toEqual(
      EXTENTS.map(({ offset, length, isHole }) => ({ offset, length, type: isHole ? 3 : 0 })),
    );
  });
});

test.each(["crc32c", "md5"])("fio writes, reads back and verifies by %s", async (checksum) => {
  const view = await served.serve("disk", { map: emptyMap(32 * MIB) });
  const job = join(served.folder, "verify.fio");
  const lines = [
    "[verify]",
    "ioengine=nbd",
    `uri=${served.uri("disk")}`,
    "rw=randwrite",
    "bsrange=512-64k",
    "iodepth=32",
    "size=32m",
    `verify=${checksum}`,
    "fsync=64",
    "randseed=1",
  ];
  await writeFile(job, `${lines.join("\n")}\n`);
  await execa("fio", ["--minimal", job], { cwd: served.folder });
  expect(view.stats().writtenBytes).toBeGreaterThanOrEqual(32 * MIB);
  expect(served.log).toEqual([]);
});

interface Extent {
  offset: number;
  length: number;
  type: number;
}

/** Clients ask piece by piece, and some show it. */
function merged(extents: readonly Extent[]): Extent[] {
  const all: Extent[] = [];
  for (const { offset, length, type } of extents) {
    const last = all.at(-1);
    if (last?.type === type) last.length += length;
    else all.push({ offset, length, type });
  }
  return all;
}
