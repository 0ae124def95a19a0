/** Parameters by flag and by file, and a matrix of them, through the command line. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Bench, bench } from "./cli.ts";

const GREETING = `
name: greeting
params:
  word: { type: string, enum: [hello, bye], description: what is said }
  times: { type: integer, default: 1, min: 1, max: 3 }
steps:
  said: { uses: lab/say, with: { word: "\${{ params.word }} \${{ params.times }}" } }
outputs:
  said: \${{ steps.said.said }}
`;

//  first ─▶ second[word=…]
const MATRIX = `
name: many
params: { word: hello }
matrix: { word: [hello, bye] }
steps:
  first: { uses: lab/say, with: { word: "I say " } }
  second: { uses: lab/say, with: { after: "\${{ steps.first.said }}", word: "\${{ params.word }}" } }
outputs:
  said: \${{ steps.second.said }}
`;

let b: Bench;
beforeEach(async () => {
  b = await bench();
  await b.write("greeting.yaml", GREETING);
  await b.write("many.yaml", MATRIX);
});
afterEach(() => b[Symbol.asyncDispose]());

describe("a parameter", () => {
  it("that has no default must be given; the error says what it takes and is for", async () => {
    const { exitCode, stderr } = await b.run("plan", "greeting.yaml");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /greeting\.yaml:4:3 error missing-param: .*"word" \("hello" or "bye"\): what is said/,
    );
    expect(stderr).not.toContain("unknown-param");
  });

  it("from a file is checked at its line; a flag is stronger", async () => {
    await b.write("values.yaml", "word: bye\ntimes: 9\n");
    const wrong = await b.run("plan", "greeting.yaml", "--params", "values.yaml");
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toMatch(
      /values\.yaml:2:8 error wrong-value: parameter "times" must be at most 3, not 9/,
    );
    expect(wrong.stderr).toContain("2 | times: 9");
    await b.write("values.json", '{ "word": "bye", "times": 2 }');
    const { stdout } = await b.run(
      "run",
      "greeting.yaml",
      "--params",
      "values.json",
      "-p",
      "times=3",
      "--json",
    );
    expect(JSON.parse(stdout).outputs.said.value).toBe("bye 3");
  });

  it.each([
    [["-p", "word=hi"], /wrong-value: -p word=hi: parameter "word" must be "hello" or "bye"/],
    [
      ["-p", "word=bye", "-p", "times=1.5"],
      /wrong-type: -p times=1\.5: parameter "times" must be a whole number/,
    ],
    [["-p", "wrod=bye"], /unknown-param: -p wrod: .*\n(.*\n)*.*did you mean "word"\? its parameters: word, /],
    [["--params", "none.yaml"], /none\.yaml:1:1 error params-file-not-found/],
    [["--params", "list.yaml"], /list\.yaml:1:1 error wrong-type: a file of parameters must be a map/],
  ])("%j is told", async (args, says) => {
    await b.write("list.yaml", "- 1\n");
    const { exitCode, stderr } = await b.run("validate", "greeting.yaml", ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(says);
  });
});

describe("a matrix", () => {
  it("builds what its instances share once, and names each instance", async () => {
    const { stdout } = await b.run("run", "many.yaml", "--json");
    const record = JSON.parse(stdout);
    expect(record.counts.built).toBe(3);
    expect(record.refs).toEqual([]);
    expect(record.instances).toMatchObject({
      "word=hello": {
        params: { word: "hello" },
        refs: ["many:word-hello"],
        outputs: { said: { value: "I say hello" } },
      },
      "word=bye": {
        params: { word: "bye" },
        refs: ["many:word-bye"],
        outputs: { said: { value: "I say bye" } },
      },
    });
    expect(Object.keys(record.outputs)).toEqual(["said[word=hello]", "said[word=bye]"]);
    expect((await b.run("artifacts", "inspect", "many:word-bye", "--json")).stdout).toContain("I say bye");
    expect((await b.run("run", "many.yaml")).stdout).toContain("many:word-bye#said");
  });

  it("has its steps explained by their full names", async () => {
    const { exitCode, stderr } = await b.run("explain", "many.yaml", "second");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("hint: name one of second[word=hello], second[word=bye]");
  });

  it("builds one instance alone, by its values", async () => {
    const { stdout } = await b.run("run", "many.yaml", "--target", "word=bye", "--tag", "other:v1", "--json");
    const record = JSON.parse(stdout);
    expect(Object.keys(record.nodes)).toEqual(["first", "second[word=bye]"]);
    expect(record.instances).toMatchObject({ "word=bye": { refs: ["other:v1-word-bye"] } });
    expect((await b.run("runs", "logs", record.run, "second[word=bye]")).stdout).toBe("saying bye\n");
  });
});
