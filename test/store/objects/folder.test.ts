import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderObjects } from "../../../src/store/objects/folder.ts";
import { testObjectStore } from "../../../src/testing/objects.ts";
import { scratchFolder } from "../scratch.ts";

testObjectStore("a folder", async () => ({ objects: folderObjects(join(scratchFolder(), "not there yet")) }));

test("what a killed process was writing is not listed, and is removed a day later", async () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, "packs"));
  const left = join(folder, "packs/.0123456789abcdef");
  writeFileSync(left, "half");
  await folderObjects(folder).put("packs/a", Buffer.from("x"));
  const listed: string[] = [];
  for await (const { key } of folderObjects(folder).list("")) listed.push(key);
  expect(listed).toEqual(["packs/a"]);
  expect(readdirSync(join(folder, "packs"))).toHaveLength(2);
  utimesSync(left, 0, 0);
  await folderObjects(folder).put("packs/b", Buffer.from("x"));
  expect(readdirSync(join(folder, "packs")).sort()).toEqual(["a", "b"]);
});

test("a folder that cannot be written says so", async () => {
  const file = join(scratchFolder(), "file");
  writeFileSync(file, "");
  const error = await folderObjects(join(file, "below"))
    .put("a", Buffer.from("x"))
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "store-not-a-folder" });
});
