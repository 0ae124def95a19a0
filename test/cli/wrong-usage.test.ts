import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, bench } from "./cli.ts";

let b: Bench;
beforeAll(async () => {
  b = await bench();
  await b.write(
    "ok.yaml",
    "name: ok\nparams: { word: x }\nsteps:\n  one: { uses: lab/say, with: { word: '${{ params.word }}' } }\n",
  );
  await b.write(
    "bad.yaml",
    "name: bad\nsteps:\n  one: { uses: lab/sya, with: { word: x } }\n  two: { uses: lab/say, with: { wrod: x } }\n",
  );
});
afterAll(() => b[Symbol.asyncDispose]());

/** Each exits 2 with what was meant, and makes no store. */
const WRONG: [what: string, args: string[], says: RegExp][] = [
  ["an unknown command", ["rum", "ok.yaml"], /unknown command 'rum'\n.*Did you mean run/],
  [
    "an unknown option",
    ["run", "ok.yaml", "--targt", "one"],
    /unknown option '--targt'\n.*Did you mean --target/,
  ],
  ["no template", ["run"], /missing required argument 'template'/],
  [
    "an unknown parameter",
    ["run", "ok.yaml", "-p", "wrod=1"],
    /unknown-param.*wrod.*\n(.*\n)*.*did you mean "word"/,
  ],
  ["a parameter without a value", ["run", "ok.yaml", "-p", "word"], /write it as name=value/],
  ["an unknown target", ["run", "ok.yaml", "--target", "ome"], /unknown-target.*"ome"\n.*did you mean "one"/],
  ["an unknown step to force", ["plan", "ok.yaml", "--force", "ome"], /unknown-target/],
  ["no number of jobs", ["run", "ok.yaml", "--jobs", "0"], /from 1 to 10000/],
  ["no time", ["run", "ok.yaml", "--timeout", "soon"], /write a time/],
  ["a name that cannot be a ref", ["run", "ok.yaml", "--tag", "Not A Name"], /bad-ref/],
  ["a result in a folder that is not there", ["run", "ok.yaml", "--result", "no/r.json"], /no-such-folder/],
  ["a template that is not there", ["run", "no.yaml"], /no\.yaml:1:1 error template-not-found/],
  ["a template that is a directory", ["run", "."], /\.:1:1 error template-is-a-directory/],
  ["a store where there is none", ["artifacts", "ls"], /store-missing/],
  ["a config file that is not there", ["plan", "ok.yaml", "--config", "no.json"], /config-not-found/],
];

describe("wrong usage", () => {
  it.each(WRONG)("%s", async (_, args, says) => {
    const { exitCode, stderr, stdout } = await b.run(...args);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(existsSync(join(b.folder, "store"))).toBe(false);
  });

  it("several mistakes in a template are told at once, at their places", async () => {
    const { exitCode, stderr } = await b.run("validate", "ok.yaml", "bad.yaml");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/bad\.yaml:3:\d+ error unknown-step-type: .*lab\/sya/);
    expect(stderr).toMatch(/bad\.yaml:4:\d+ error unknown-input: .*wrod/);
    expect((await b.run("validate", "ok.yaml")).stdout).toBe("ok.yaml: ok, 1 step\n");
  });
});

describe("a wrong configuration", () => {
  it.each([
    [
      "a misspelt key",
      '{\n  "plugin": []\n}',
      /wrong\.json:2:3 error config-invalid: .*"plugin"\n.*did you mean "plugins"/,
    ],
    ["a wrong type", '{ "jobs": "two" }', /wrong\.json:1:3 error config-invalid: jobs: /],
    ["a wrong time", '{ "maxAge": "soon" }', /maxAge: write a time/],
    ["no JSON", "{ jobs: ", /config-unreadable: wrong\.json/],
  ])("%s", async (_, text, says) => {
    await b.write("wrong.json", text);
    const { exitCode, stderr } = await b.run("plan", "ok.yaml", "--config", "wrong.json");
    expect(stderr).toMatch(says);
    expect(exitCode).toBe(2);
  });
});

it("help and version exit 0 and go to stdout", async () => {
  const help = await b.run("--help");
  expect(help).toMatchObject({ exitCode: 0, stderr: "" });
  expect(help.stdout).toContain("tplgraph run templates/python.yaml");
  expect((await b.run("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect((await b.run("help", "run")).stdout).toContain("--on-error");
});
