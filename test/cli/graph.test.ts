import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
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
  await b.write("talk.yaml", TALK);
});
afterAll(() => b[Symbol.asyncDispose]());

const latestRun = async () => JSON.parse((await b.run("runs", "ls", "--json")).stdout).runs[0].run as string;
const graphOf = async (...args: string[]) =>
  JSON.parse((await b.run("graph", "--format", "json", ...args)).stdout);
const states = (document: { nodes: { id: string; state?: string }[] }) =>
  Object.fromEntries(document.nodes.map(({ id, state }) => [id, state]));

it("shows what a run would do, what one did, or neither", async () => {
  expect(states(await graphOf("talk.yaml"))).toEqual({ first: "miss", second: "pending" });
  expect(states(await graphOf("talk.yaml", "--structure"))).toEqual({ first: undefined, second: undefined });
  await b.run("run", "talk.yaml");
  const run = await graphOf("--run", await latestRun());
  expect(states(run)).toEqual({ first: "built", second: "built" });
  expect(run).toMatchObject({ schema: "tplgraph.graph/1", shows: "run", run: { state: "ok" } });
  expect(run.nodes[0]).toMatchObject({ job: 0, startedAt: expect.any(String), key: expect.any(String) });
  expect(states(await graphOf("talk.yaml"))).toEqual({ first: "hit", second: "hit" });
});

it("draws a run in which all was cached from its template, unless that has changed", async () => {
  await b.run("run", "talk.yaml");
  const cached = await latestRun();
  expect(states(await graphOf("--run", cached))).toEqual({ first: "hit", second: "hit" });
  await b.write("talk.yaml", TALK.replaceAll("second", "last"));
  const changed = await b.run("graph", "--run", cached);
  await b.write("talk.yaml", TALK);
  expect(changed).toMatchObject({ exitCode: 2 });
  expect(changed.stderr).toContain('has no step "second" any more');
});

it("writes every format to a file", async () => {
  const begins = {
    tree: "talk",
    mermaid: "flowchart",
    dot: "digraph",
    svg: "<svg",
    json: "{",
  };
  for (const [format, beginning] of Object.entries(begins)) {
    expect(await b.run("graph", "talk.yaml", "--format", format, "-o", `out.${format}`)).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect(readFileSync(join(b.folder, `out.${format}`), "utf8").startsWith(beginning)).toBe(true);
  }
});

it.each([
  [["graph"], "nothing says what to draw"],
  [["graph", "talk.yaml", "--run", "r1"], "both a template and --run"],
  [["graph", "--run", "rnone"], 'there is no run "rnone"'],
  [["graph", "talk.yaml", "--with", "talk.yaml"], "--with puts two graphs side by side"],
  [["graph", "talk.yaml", "--with", "nothing", "--format", "html"], "neither a run nor a template"],
])("refuses %j", async (args, message) => {
  const { exitCode, stderr } = await b.run(...args);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).toContain("hint:");
});
