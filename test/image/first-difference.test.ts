import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstDifference } from "../../src/image/first-difference.ts";
import { importFile } from "../../src/image/import.ts";
import { memoryBlobs } from "../../src/store/blobs/memory.ts";

const CHUNK = 65_536;
const blobs = memoryBlobs();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "difference-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function imageOf(content: Buffer) {
  const path = join(folder, "content");
  await writeFile(path, content);
  return importFile(blobs, path);
}

const content = randomBytes(3 * CHUNK);

describe("the first difference of two images", () => {
  it("is nothing where they are the same", async () => {
    const image = await imageOf(content);
    expect(await firstDifference(blobs, image, image)).toBeUndefined();
  });

  it("runs from the first to the last byte that differs in the first range of blocks that do", async () => {
    const changed = Buffer.from(content);
    for (const at of [CHUNK + 1000, CHUNK + 1999, 2 * CHUNK + 5]) changed[at]! ^= 1;
    const [one, other] = [await imageOf(content), await imageOf(changed)];
    const range = { offset: CHUNK + 1000, lengthBytes: 1000 };
    expect(await firstDifference(blobs, one, other)).toEqual(range);
    expect(await firstDifference(blobs, other, one)).toEqual(range);
  });

  it("is data against zeros", async () => {
    const zeros = Buffer.concat([
      content.subarray(0, CHUNK),
      Buffer.alloc(CHUNK),
      content.subarray(2 * CHUNK),
    ]);
    const [one, other] = [await imageOf(content), await imageOf(zeros)];
    expect((await firstDifference(blobs, one, other))!.offset).toBeGreaterThanOrEqual(CHUNK);
  });

  it("is nothing where one has zeros more at its end", async () => {
    const longer = await imageOf(Buffer.concat([content, Buffer.alloc(CHUNK)]));
    const shorter = await imageOf(content);
    expect(await firstDifference(blobs, shorter, longer)).toBeUndefined();
  });
});
