import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf, hexOf } from "../../../src/store/blobs/digest.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { testBlobStore } from "../../../src/testing/blobs.ts";
import { scratchFolder } from "../scratch.ts";
import { overwriteInPack } from "./packed.ts";

const data = Buffer.from("content");
const digest = digestOf(data);

function fileOf(path: string): string {
  const hex = hexOf(digest);
  return join(path, "blobs", hex.slice(0, 2), hex.slice(2));
}

function overwrite(file: string, content: Uint8Array): void {
  chmodSync(file, 0o644);
  writeFileSync(file, content);
}

testBlobStore("folder", async () => {
  const path = scratchFolder();
  return {
    blobs: folderBlobs(path),
    damage(damaged, content) {
      const hex = hexOf(damaged);
      const file = join(path, "blobs", hex.slice(0, 2), hex.slice(2));
      if (existsSync(file)) overwrite(file, content);
      else overwriteInPack(path, damaged, content);
    },
  };
});

describe("a folder of blobs", () => {
  test("leaves nothing in tmp and names a blob by its digest", async () => {
    const path = scratchFolder();
    await folderBlobs(path).put(digest, data);
    expect(readdirSync(join(path, "tmp"))).toEqual([]);
    expect(statSync(fileOf(path)).size).toBe(data.length);
  });

  test("writes nothing for a blob that is there", async () => {
    const path = scratchFolder();
    const blobs = folderBlobs(path);
    await blobs.put(digest, data);
    const before = statSync(fileOf(path)).ino;
    await blobs.put(digest, data);
    expect(statSync(fileOf(path)).ino).toBe(before);
  });

  test("keeps a damaged blob as evidence", async () => {
    const path = scratchFolder();
    const blobs = folderBlobs(path);
    await blobs.put(digest, data);
    overwrite(fileOf(path), Buffer.from("rotten"));
    await expect(blobs.get(digest)).rejects.toMatchObject({ code: "blob-corrupt" });
    expect(await blobs.has(digest)).toBe(false);
    expect(readdirSync(join(path, "damaged"))).toEqual([hexOf(digest)]);
  });

  test("takes an empty file, as a power cut leaves it, for no blob", async () => {
    const path = scratchFolder();
    const blobs = folderBlobs(path);
    await blobs.put(digest, data);
    overwrite(fileOf(path), Buffer.alloc(0));
    expect(await blobs.has(digest)).toBe(false);
    await blobs.put(digest, data);
    expect(data.equals(await blobs.get(digest))).toBe(true);
  });

  test("opened for reading, changes nothing, not even what is damaged", async () => {
    const path = scratchFolder();
    await folderBlobs(path).put(digest, data);
    const blobs = folderBlobs(path, { readOnly: true });
    await blobs.put(digest, data);
    await expect(blobs.put(digestOf(Buffer.from("new")), Buffer.from("new"))).rejects.toMatchObject({
      code: "store-no-permission",
    });
    overwrite(fileOf(path), Buffer.from("rotten"));
    await expect(blobs.get(digest)).rejects.toMatchObject({ code: "blob-corrupt" });
    expect(statSync(fileOf(path)).size).toBe(6);
  });
});
