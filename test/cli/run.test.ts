import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Bench, bench } from "./cli.ts";

//  first ─▶ second ─▶ word
const TALK = `
name: talk
params: { word: hello }
steps:
  first: { uses: lab/say, with: { word: "\${{ params.word }}" } }
  second: { uses: lab/say, with: { word: " there", after: "\${{ steps.first.said }}" } }
outputs:
  word: \${{ steps.second.said }}
`;

let b: Bench;
beforeAll(async () => {
  b = await bench();
});
afterAll(() => b[Symbol.asyncDispose]());
beforeEach(() => b.write("talk.yaml", TALK));

describe("run", () => {
  it("builds, then finds everything cached", async () => {
    const first = await b.run("run", "talk.yaml");
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toMatch(/2 built/);
    expect(first.stdout).toContain("talk:latest#word");
    expect(first.stderr).toContain("second| saying  there");
    const again = await b.run("run", "talk.yaml");
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stdout).toContain("2 steps, all cached");
  });

  it("writes its record to --result, and as JSON to stdout when asked", async () => {
    const { stdout, exitCode } = await b.run(
      "run",
      "talk.yaml",
      "-p",
      "word=bye",
      "--result",
      "r.json",
      "--json",
    );
    expect(exitCode).toBe(0);
    const record = JSON.parse(stdout);
    expect(record).toEqual(JSON.parse(readFileSync(join(b.folder, "r.json"), "utf8")));
    expect(record).toMatchObject({
      schema: "tplgraph.result/1",
      ok: true,
      outputs: { word: { type: "data", value: "bye there" } },
      refs: ["talk:latest"],
      cleanup: { failed: [] },
    });
  });

  it("tells its events as JSON lines", async () => {
    const { stderr } = await b.run("run", "talk.yaml", "-p", "word=again", "--progress", "json");
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual([
      "run-started",
      ...["node-started", "node-log", "node-finished"],
      ...["node-started", "node-log", "node-finished"],
      "run-finished",
    ]);
    expect(events[0].plan).toMatchObject({
      schema: "tplgraph.plan/1",
      template: { params: { word: "again" } },
    });
  });

  it("names only whole builds by itself", async () => {
    const part = await b.run("run", "talk.yaml", "-p", "word=part", "--target", "first", "--json");
    expect(JSON.parse(part.stdout).refs).toEqual([]);
    const named = await b.run("run", "talk.yaml", "-p", "word=part", "--tag", "other", "--json");
    expect(JSON.parse(named.stdout).refs).toEqual(["other:latest"]);
  });

  it("runs a forced step again", async () => {
    await b.run("run", "talk.yaml");
    const { stdout } = await b.run("run", "talk.yaml", "--force", "first", "--json");
    expect(JSON.parse(stdout).counts).toMatchObject({ built: 1, hit: 1 });
  });
});

describe("a build that fails", () => {
  it("exits 1 and shows the step, its hint and its log, and no stack", async () => {
    await b.write("fails.yaml", "name: fails\nsteps:\n  boom: { uses: lab/fail }\n");
    const { exitCode, stderr, stdout } = await b.run("run", "fails.yaml");
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain('error: step "boom" (lab/fail) failed: the lab exited 7');
    expect(stderr).toContain("hint: do not use it");
    expect(stderr).toMatch(/last lines:\n +\| about to fail\n/);
    const log = /log: (\S+)/.exec(stderr)?.[1];
    expect(readFileSync(log!, "utf8")).toContain("about to fail");
    expect(stderr).not.toMatch(/^\s+at /m);
    expect((await b.run("run", "fails.yaml", "--log-level", "debug")).stderr).toMatch(/^\s+at /m);
  });

  it("exits 4 when all was built but something could not be released", async () => {
    await b.write(
      "leaks.yaml",
      "name: leaks\nsteps:\n  bench: { uses: lab/leak }\n  word: { uses: lab/say, with: { word: x, bench: '${{ steps.bench.bench }}' } }\n",
    );
    const { exitCode, stderr } = await b.run("run", "leaks.yaml");
    expect(exitCode).toBe(4);
    expect(stderr).toContain("not released: bench: put the bench away: the bench is stuck");
  });
});

describe("a build that is interrupted", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("by %s says so, cleans up and exits 130", async (signal) => {
    await b.write("waits.yaml", "name: waits\nsteps:\n  long: { uses: lab/wait }\n");
    let sent = false;
    const { exitCode, stderr } = await b.watch(["run", "waits.yaml"], (text, kill) => {
      if (sent || !text.includes("long| waiting")) return;
      sent = true;
      kill(signal);
    });
    expect(exitCode).toBe(130);
    expect(stderr).toContain("interrupted: stopping what runs");
  });

  it("by --timeout exits 1", async () => {
    const { exitCode, stderr } = await b.run("run", "waits.yaml", "--timeout", "1s");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("--timeout has passed");
  });

  it("with --on-error keep, a failed step's things stay until a signal", async () => {
    await b.write("fails.yaml", "name: fails\nsteps:\n  boom: { uses: lab/fail }\n");
    const { exitCode, stderr } = await b.watch(["run", "fails.yaml", "--on-error", "keep"], (text, kill) => {
      if (text.includes("releases it") && !text.includes("interrupted")) kill("SIGTERM");
    });
    expect(stderr).toContain('step "boom" failed: the lab exited 7');
    expect(exitCode).toBe(130);
  });
});

describe("plan", () => {
  it("tells what would be built and why, and exits 3 when asked to", async () => {
    await b.run("run", "talk.yaml");
    expect((await b.run("plan", "talk.yaml", "--exit-code")).exitCode).toBe(0);
    const changed = await b.run("plan", "talk.yaml", "-p", "word=new", "--exit-code");
    expect(changed.exitCode).toBe(3);
    expect(changed.stdout).toMatch(/miss +first .*with\.word hello → new/);
    expect(changed.stdout).toMatch(/pending +second/);
    const { stdout } = await b.run("run", "talk.yaml", "-p", "word=new", "--dry-run", "--json");
    expect(JSON.parse(stdout).summary).toMatchObject({ hit: 0, miss: 1, pending: 1 });
  });
});

it("draws the graph to a file", async () => {
  expect(await b.run("graph", "talk.yaml", "--format", "mermaid", "-o", "g.mmd")).toMatchObject({
    exitCode: 0,
  });
  expect(readFileSync(join(b.folder, "g.mmd"), "utf8")).toMatch(/^flowchart LR\n/);
  expect(existsSync(join(b.folder, "g.mmd"))).toBe(true);
});

it("tells past runs, and a cached step's log as it was when it was built", async () => {
  await b.run("run", "talk.yaml", "-p", "word=logged");
  await b.run("run", "talk.yaml", "-p", "word=logged");
  expect((await b.run("runs", "ls")).stdout).toMatch(/ok +talk/);
  expect((await b.run("runs", "show")).stdout).toMatch(/hit +first/);
  const { run } = JSON.parse((await b.run("runs", "show", "--json")).stdout);
  expect((await b.run("runs", "logs", run, "first")).stdout).toBe("saying logged\n");
});
