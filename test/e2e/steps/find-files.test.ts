import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TplError } from "../../../src/engine/errors.ts";
import { type FoundFile, fileFinder } from "../../../src/plugins/ext4/tree/find-files.ts";
import { metadataRanges } from "../../../src/plugins/ext4/tree/metadata.ts";
import { baseImages, mutated } from "./mutated-image.ts";

/** Of the kinds of images, the one that has short content inside the inodes. */
const INLINE = 2;

let folder: string;
let images: Buffer[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "find-files-"));
  images = baseImages(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

function diskOf(image: Buffer) {
  return {
    sizeBytes: image.length,
    read: async (offset: number, bytes: number) => image.subarray(offset, offset + bytes),
  };
}

async function find(image: Buffer, path: string): Promise<FoundFile | undefined> {
  return (await fileFinder(diskOf(image)))!.find(path);
}

describe("a file of an image", () => {
  it("is found by its path in every kind of file system, with what is known of it", async () => {
    for (const image of images) {
      const name = "file-with-a-name-that-fills-blocks-117";
      expect(await find(image, `/many//./${name}`)).toMatchObject({
        type: "file",
        sizeBytes: 4,
        links: 1,
        isPlain: image !== images[INLINE],
      });
      expect(await find(image, "/a/large")).toMatchObject({ sizeBytes: 90_000, links: 2, isPlain: false });
      expect(await find(image, "/link")).toMatchObject({ type: "symlink", target: "a/large" });
      expect(await find(image, "/long-link")).toMatchObject({ type: "symlink", target: "x".repeat(200) });
      expect(await find(image, "/a/b")).toMatchObject({ type: "directory" });
      expect(await find(image, "/fifo")).toMatchObject({ type: "fifo" });
      expect(await find(image, "/")).toMatchObject({ type: "directory" });
      for (const path of ["/many/none", "/link/x", "/fifo/x", "/none/x"])
        expect(await find(image, path), path).toBeUndefined();
    }
  });

  it.each(["a/large", "a/sparse"])("has its content where it says: %s", async (path) => {
    const wanted = readFileSync(join(folder, "content", path));
    for (const image of images) {
      const content = await (await find(image, path))!.content();
      const parts = content!.map(({ offset, bytes }) =>
        offset === undefined ? Buffer.alloc(bytes) : image.subarray(offset, offset + bytes),
      );
      expect(Buffer.concat(parts).equals(wanted)).toBe(true);
    }
  });

  it("is not looked for in a directory that is made too large", async () => {
    const file = join(folder, "large-directory");
    writeFileSync(file, images[0]!);
    execFileSync("debugfs", ["-w", "-R", `set_inode_field /many size ${2 ** 31}`, file], { stdio: "ignore" });
    await expect(find(readFileSync(file), "/many/none")).rejects.toBeInstanceOf(TplError);
  });

  it("of a damaged image is found, or the damage is told", async () => {
    const paths = ["/a/b/hard", "/many/file-with-a-name-that-fills-blocks-90", "/long-link", "/a/sparse"];
    for (let seed = 0; seed < 400; seed++) {
      const disk = diskOf(mutated(images, seed));
      try {
        const finder = await fileFinder(disk);
        for (const path of paths) await (await finder?.find(path))?.content();
        await metadataRanges(disk, { maxTableBytes: 1024 * 1024 });
      } catch (error) {
        if (!(error instanceof TplError)) throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});

describe("the metadata of an image", () => {
  /** debugfs: numbers of the blocks that belong to a directory, or to an extent tree. */
  const blocksOf = (file: string, path: string) =>
    execFileSync("debugfs", ["-R", `blocks ${path}`, file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .trim()
      .split(/\s+/)
      .map(Number);

  it("has the blocks of directories, inode tables and bitmaps in it", async () => {
    const image = images[0]!;
    const file = join(folder, "base-0");
    const ranges = await metadataRanges(diskOf(image), { maxTableBytes: 1024 * 1024 });
    const isIn = (block: number) =>
      ranges.some(({ offset, length }) => offset <= block * 1024 && (block + 1) * 1024 <= offset + length);
    const groups = execFileSync("dumpe2fs", [file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const bitmaps = [...groups.matchAll(/bitmap at (\d+)/g)].map((match) => Number(match[1]));
    const blocks = [...bitmaps, ...blocksOf(file, "/"), ...blocksOf(file, "/many")];
    expect(blocks.length).toBeGreaterThan(8);
    expect(blocks.filter((block) => !isIn(block))).toEqual([]);
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(200 * 1024);
  });
});
