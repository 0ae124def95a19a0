import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CacheRecord } from "../../../src/engine/run/record.ts";
import { openRecords } from "../../../src/store/records/records.ts";
import { scratchFolder } from "../scratch.ts";

function record(key: string, seconds = 1): CacheRecord {
  return {
    schema: "tplgraph.record/1",
    key,
    preimage: { uses: "ext4/mkfs", with: { label: "Ünïcode \0 'quoted'" } },
    outputs: {},
    seconds,
    run: "r1",
    node: "disk",
    host: "here",
    at: "2026-01-01T00:00:00.000Z",
  };
}

function storeFolder(): string {
  const folder = scratchFolder();
  mkdirSync(join(folder, "tmp"));
  return folder;
}

function open(folder: string, mode: "read" | "write" = "write", now = () => 1000) {
  const opened = openRecords({ folder, mode, now });
  onTestFinished(() => opened.close());
  return opened;
}

describe("the generation of records", () => {
  test("stays with new records, and changes with one that is removed or takes another's place", async () => {
    const folder = storeFolder();
    const { records } = open(folder);
    const seen = new Set([await records.generation!()]);
    await records.put(record("a"));
    await records.put(record("b"));
    seen.add(await records.generation!());
    expect(seen.size).toBe(1);
    await records.put(record("a", 2));
    seen.add(await records.generation!());
    await records.remove("b");
    seen.add(await records.generation!());
    expect(seen.size).toBe(3);
    expect(seen).toContain(await open(folder, "read").records.generation!());
  });

  test("read by another one while a record goes, is another one when it has gone", async () => {
    const folder = storeFolder();
    const { records } = open(folder);
    const other = open(folder).records;
    await records.put(record("a"));
    const removed = records.remove("a");
    const between = [];
    for (let look = 0; look < 20; look++)
      between.push({ generation: await other.generation!(), there: (await other.get("a")) !== undefined });
    await removed;
    const now = await records.generation!();
    expect(between.filter(({ there, generation }) => there && generation === now)).toEqual([]);
  });
});

describe("records", () => {
  test("are there again after closing, and the last one put wins", async () => {
    const folder = storeFolder();
    const first = open(folder);
    await first.records.put(record("a", 1));
    await first.records.put(record("a", 2));
    await first.close();
    expect(await open(folder).records.get("a")).toEqual(record("a", 2));
  });

  test("that were removed or never put are undefined", async () => {
    const { records } = open(storeFolder());
    await records.put(record("a"));
    await records.remove("a");
    await records.remove("never");
    expect(await records.get("a")).toBeUndefined();
    expect(await records.get("never")).toBeUndefined();
  });

  test("come in the order asked for, many at a time", async () => {
    const { records } = open(storeFolder());
    for (const key of ["a", "b", "c"]) await records.put(record(key));
    const found = await records.getMany(["c", "none", "a"]);
    expect(found.map((one) => one?.key)).toEqual(["c", undefined, "a"]);
  });

  test("are listed all, past one page", async () => {
    const { records } = open(storeFolder());
    const keys = Array.from({ length: 1201 }, (_, index) => String(index).padStart(5, "0"));
    for (const key of keys) await records.put(record(key));
    const listed: string[] = [];
    for await (const one of records.list()) listed.push(one.key);
    expect(listed).toEqual(keys);
  });

  test("keep a step's last key apart from another template's", async () => {
    const { records } = open(storeFolder());
    await records.setLastKey("/t/a.yaml", "disk", "k1");
    await records.setLastKey("/t/b.yaml", "disk", "k2");
    expect(await records.lastKey("/t/a.yaml", "disk")).toBe("k1");
    expect(await records.lastKey("/t/a.yaml", "other")).toBeUndefined();
  });

  test("facts carry when they were found out", async () => {
    const { facts } = open(storeFolder(), "write", () => 42);
    await facts.set("tool:mkfs.ext4", ["1.47.0", null]);
    expect(await facts.get("tool:mkfs.ext4")).toEqual({ value: ["1.47.0", null], at: 42 });
    expect(await facts.get("tool:other")).toBeUndefined();
  });

  test("a reader beside a writer sees what the writer has put", async () => {
    const folder = storeFolder();
    await open(folder).records.put(record("a"));
    expect(await open(folder, "read").records.get("a")).toEqual(record("a"));
  });

  test("opened to read where nothing was ever written, there is nothing, and nothing can be put", async () => {
    const { records, facts } = open(storeFolder(), "read");
    expect(await records.get("a")).toBeUndefined();
    await facts.set("forgotten", 1);
    expect(await facts.get("forgotten")).toBeUndefined();
    await expect(records.put(record("a"))).rejects.toMatchObject({ code: "store-no-permission" });
  });

  test("a database that is not one is an error, never an empty cache", async () => {
    const folder = storeFolder();
    writeFileSync(join(folder, "records.sqlite"), "this is no database, whatever its name says".repeat(100));
    await expect(open(folder).records.get("a")).rejects.toMatchObject({ code: "store-damaged" });
  });
});
