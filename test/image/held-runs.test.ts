import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { heldRuns, liveRuns } from "../../src/image/held-runs.ts";
import { JournalFile } from "../../src/image/host/journal-file.ts";
import { identityOf, type Machine, thisMachine } from "../../src/image/process/identity.ts";
import { disksHeld, heldLines } from "../../src/views/held-text.ts";

const here = identityOf(process.pid)!;
const gone = { ...here, startTime: here.startTime - 1 };

let store: string;
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), "tplgraph-held-"));
});
afterEach(() => rm(store, { recursive: true }));

function journal(run: string, process: typeof here, machine: Partial<Machine> = {}): JournalFile {
  return JournalFile.create(store, {
    schema: "tplgraph.journal/1",
    run,
    machine: { ...thisMachine(), ...machine },
    process,
    host: gone,
  });
}

it("tells of each run whether it goes on, and what it holds in the order of taking", () => {
  const live = journal("rlive", here);
  live.take("", { kind: "folder", path: "/run/tplgraph/rlive" });
  live.take("source", { kind: "export", socketPath: "/run/tplgraph/rlive/nbd.sock", name: "d1" });
  live.released(live.take("source", { kind: "mount", path: "/gone" }));
  live.take("source", { kind: "kernel-nbd", device: "/dev/nbd3", clientPid: 1 });
  journal("rdead", gone).take("copy", { kind: "mount", path: "/run/tplgraph/rdead/d1.mnt" });
  journal("rfar", gone, { hostname: "elsewhere" });

  const runs = heldRuns(store);
  expect(Object.fromEntries(runs.map(({ run, state }) => [run, state]))).toEqual({
    rlive: "live",
    rdead: "dead",
    rfar: "unknown",
  });
  expect(liveRuns(store).map(({ run }) => run)).toEqual(expect.arrayContaining(["rlive", "rfar"]));
  const of = (run: string) => runs.filter((one) => one.run === run);
  expect(heldLines(disksHeld(of("rlive")))).toEqual([
    `run rlive: goes on (pid ${process.pid})`,
    "  NBD export nbd+unix:///d1?socket=/run/tplgraph/rlive/nbd.sock (source)",
    "  NBD device /dev/nbd3 (source)",
  ]);
  expect(heldLines(of("rdead"))).toEqual(["run rdead: dead", "  mount /run/tplgraph/rdead/d1.mnt (copy)"]);
  expect(heldLines(of("rfar"))).toEqual(["run rfar: left alone: it ran on elsewhere"]);
});

it("tells nothing where there is no store", () => {
  expect(heldRuns(join(store, "none"))).toEqual([]);
});
