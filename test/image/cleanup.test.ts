import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cleanupDeadRuns } from "../../src/image/cleanup.ts";
import { JournalFile, journalPath } from "../../src/image/host/journal-file.ts";
import {
  identityOf,
  type Machine,
  type ProcessIdentity,
  thisMachine,
} from "../../src/image/process/identity.ts";

const here = identityOf(process.pid)!;
/** This process's number, as it was given to another one before. */
const gone: ProcessIdentity = { ...here, startTime: here.startTime - 1 };

let store: string;
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), "tplgraph-cleanup-"));
});
afterEach(() => rm(store, { recursive: true }));

/** A run that holds one folder. */
async function journalOf(about: { process: ProcessIdentity; machine?: Partial<Machine> }): Promise<string> {
  const folder = join(store, "scratch/r1");
  await mkdir(folder, { recursive: true });
  const machine = { ...thisMachine(), ...about.machine };
  const { process } = about;
  JournalFile.create(store, { schema: "tplgraph.journal/1", run: "r1", machine, process, host: gone }).take(
    "",
    {
      kind: "folder",
      path: folder,
    },
  );
  return folder;
}

async function fateOf(): Promise<string | undefined> {
  return (await cleanupDeadRuns(store)).runs[0]?.fate;
}

it("does nothing where no run has left anything", async () => {
  expect(await cleanupDeadRuns(store)).toEqual({ runs: [] });
  expect(await cleanupDeadRuns(join(store, "none"))).toEqual({ runs: [] });
});

it("releases what a dead run held, once", async () => {
  const folder = await journalOf({ process: gone });
  expect(await cleanupDeadRuns(store)).toEqual({
    runs: [{ run: "r1", fate: "released", released: [`folder ${folder}`], failures: [] }],
  });
  expect(existsSync(folder)).toBe(false);
  expect(await cleanupDeadRuns(store)).toEqual({ runs: [] });
});

it("leaves a live run alone", async () => {
  const folder = await journalOf({ process: here });
  expect(await fateOf()).toBe("live");
  expect(existsSync(folder)).toBe(true);
});

it("takes no process of this boot for one of the last", async () => {
  const folder = await journalOf({ process: here, machine: { bootId: "another" } });
  expect(await fateOf()).toBe("released");
  expect(existsSync(folder)).toBe(false);
});

it.each([{ hostname: "another" }, { pidNamespace: "pid:[1]" }])("judges no run of %o", async (machine) => {
  const folder = await journalOf({ process: gone, machine });
  expect(await fateOf()).toBe("foreign");
  expect(existsSync(folder)).toBe(true);
});

it("keeps in the journal what it could not release, says why, and releases the rest", async () => {
  const folder = await journalOf({ process: gone });
  const journal = journalPath(store, "r1");
  const busy = { kind: "file", path: join(store, "not-a-file") };
  await mkdir(busy.path);
  await writeFile(journal, `${JSON.stringify({ take: 2, node: "n", acquisition: busy })}\n`, { flag: "a" });
  const [run] = (await cleanupDeadRuns(store)).runs;
  expect(run).toMatchObject({ fate: "failed", released: [`folder ${folder}`] });
  expect(run!.failures).toMatchObject([{ what: `release file ${busy.path}` }]);
  await rm(busy.path, { recursive: true });
  expect(await fateOf()).toBe("released");
  expect(existsSync(journal)).toBe(false);
});

it("removes the empty journal of a run that got no further, but not of one that just begins", async () => {
  await mkdir(join(store, "journal"));
  const journal = journalPath(store, "r1");
  await writeFile(journal, "");
  expect(await cleanupDeadRuns(store)).toEqual({ runs: [] });
  expect(existsSync(journal)).toBe(true);
  await utimes(journal, 0, 0);
  await cleanupDeadRuns(store);
  expect(existsSync(journal)).toBe(false);
});

it("reports a journal that it cannot read, and goes on with the others", async () => {
  const folder = await journalOf({ process: gone });
  await writeFile(journalPath(store, "r0"), "words\n");
  const { runs } = await cleanupDeadRuns(store);
  expect(runs).toMatchObject([
    { fate: "failed", failures: [{ error: { code: "bad-journal" } }] },
    { fate: "released" },
  ]);
  expect(existsSync(folder)).toBe(false);
});
