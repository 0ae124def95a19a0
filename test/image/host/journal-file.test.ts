import { appendFile, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { JournalFile, type JournalHeader, readJournal } from "../../../src/image/host/journal-file.ts";

const header: JournalHeader = {
  schema: "tplgraph.journal/1",
  run: "r1",
  machine: { hostname: "h", bootId: "b", pidNamespace: "p" },
  process: { pid: 1, startTime: 2 },
  host: { pid: 3, startTime: 4 },
};
const folder = { kind: "folder", path: "/a/b" } as const;
const mount = { kind: "mount", path: "/a/m\n" } as const;

let store: string;
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), "tplgraph-journal-"));
});
afterEach(() => rm(store, { recursive: true }));

it("tells another process what is held, in the order of taking, and why it still is", () => {
  const journal = JournalFile.create(store, header);
  const first = journal.take("x", folder);
  const second = journal.take("y", mount);
  const third = journal.take("y", folder);
  journal.released(third);
  journal.failed(second, "busy");
  const read = readJournal(journal.path)!;
  expect(read.header).toEqual(header);
  expect(read.held()).toEqual([
    { id: first, node: "x", acquisition: folder },
    { id: second, node: "y", acquisition: mount, failure: "busy" },
  ]);
});

it("goes on where another process left off", () => {
  const journal = JournalFile.create(store, header);
  const first = journal.take("x", folder);
  const read = readJournal(journal.path)!;
  expect(read.take("y", mount)).not.toBe(first);
  read.released(first);
  read.released(first);
  expect(readJournal(journal.path)!.held()).toMatchObject([{ node: "y" }]);
});

it("is removed only when nothing is held", async () => {
  const journal = JournalFile.create(store, header);
  const id = journal.take("x", folder);
  expect(() => journal.remove()).toThrow("bug");
  journal.released(id);
  journal.remove();
  journal.remove();
  await expect(stat(journal.path)).rejects.toThrow("ENOENT");
});

it("takes nothing more once it was removed, and does not come back without its header", async () => {
  const journal = JournalFile.create(store, header);
  journal.remove();
  expect(() => journal.take("late", folder)).toThrow("has ended");
  journal.released(1);
  await expect(stat(journal.path)).rejects.toThrow("ENOENT");
});

it("is one run's alone", () => {
  JournalFile.create(store, header);
  expect(() => JournalFile.create(store, header)).toThrow("EEXIST");
});

it("leaves out a line that was cut off: what it announced was never taken", async () => {
  const journal = JournalFile.create(store, header);
  journal.take("x", folder);
  await appendFile(journal.path, '{"take":2,"node":"x","acqui');
  expect(readJournal(journal.path)!.held()).toHaveLength(1);
});

it("holds nothing when the run got no further than making the file", async () => {
  const path = join(store, "r.jsonl");
  await writeFile(path, "");
  expect(readJournal(path)).toBeUndefined();
  await writeFile(path, '{"schema":');
  expect(readJournal(path)).toBeUndefined();
});

it("refuses what is not a journal, or one of another version", async () => {
  const path = join(store, "r.jsonl");
  await writeFile(path, "words\n");
  expect(() => readJournal(path)).toThrow(expect.objectContaining({ code: "bad-journal" }));
  await writeFile(path, '{"schema":"tplgraph.journal/2"}\n');
  expect(() => readJournal(path)).toThrow("its schema is tplgraph.journal/2");
});
