import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import type { ImageArtifact } from "../../src/engine/artifact.ts";
import { type Hold, holdArtifacts, holders, removeDeadHolds } from "../../src/image/holders.ts";

const image = (name: string): ImageArtifact => ({ type: "image", digest: `sha256:${name}`, bytes: 1 });
const [a, b] = [image("a"), image("b")];

let store: string;
beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), "tplgraph-holders-"));
});
afterEach(() => rmSync(store, { recursive: true }));

it("tells what is held, as it changes, until it is let go of", () => {
  expect(holders(store)).toEqual([]);
  let hold: Hold;
  {
    using first = holdArtifacts(store, "r1", { artifacts: [a] });
    hold = first;
    using _import = holdArtifacts(store, "r2", { artifacts: [], putSinceMs: 5 });
    hold.add(b);
    hold.add(b);
    hold.drop(a);
    hold.drop(b);
    expect(holders(store)).toEqual([
      { run: "r1", artifacts: [b] },
      { run: "r2", artifacts: [], putSinceMs: 5 },
    ]);
    removeDeadHolds(store);
    expect(holders(store)).toHaveLength(2);
  }
  hold.add(a);
  expect(readdirSync(join(store, "holds"))).toEqual([]);
});

it("what is being made is told by when that began, the earliest of several", () => {
  using hold = holdArtifacts(store, "r1", { artifacts: [] });
  const before = Date.now();
  {
    using _first = hold.making();
    using _second = hold.making();
    const putSinceMs = holders(store)[0]!.putSinceMs!;
    expect(putSinceMs).toBeGreaterThanOrEqual(before);
    expect(putSinceMs).toBeLessThanOrEqual(Date.now());
  }
  expect(holders(store)).toEqual([{ run: "r1", artifacts: [] }]);
});

it("another process that holds something is heard, and one that was killed is not", async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "holder.fixture.ts"), store]);
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  expect(holders(store)).toEqual([{ run: "rchild", artifacts: [a] }]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(holders(store)).toEqual([]);
  expect(readdirSync(join(store, "holds"))).toEqual(["rchild.json"]);
  removeDeadHolds(store);
  expect(readdirSync(join(store, "holds"))).toEqual([]);
});

it("what was held before a restart, or is not whole, is held no more; elsewhere it may be", () => {
  const noted = (run: string, machine: object) => {
    const path = join(store, "holds", `${run}.json`);
    holdArtifacts(store, run, { artifacts: [a] });
    const file = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...file, machine: { ...file.machine, ...machine } }));
  };
  noted("rbefore", { bootId: "another" });
  noted("relsewhere", { hostname: "elsewhere", bootId: "another" });
  noted("rcontainer", { pidNamespace: "another" });
  writeFileSync(join(store, "holds", "rcut.json"), "");
  expect(holders(store).map(({ run }) => run)).toEqual(expect.arrayContaining(["relsewhere", "rcontainer"]));
  expect(holders(store)).toHaveLength(2);
  removeDeadHolds(store);
  expect(readdirSync(join(store, "holds")).sort()).toEqual(["rcontainer.json", "relsewhere.json"]);
});
