/**
 * What a second run of the same template leaves out: it neither reads nor compiles it. Seen from outside, by what it
 * opens; and every change that matters is seen all the same.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { type CliResult, cli, root, temporaryFolder } from "../cli.ts";

const plugin = (word: string) => `
import { definePlugin, defineStep, z } from "${root}/dist/plugin.js";
export default definePlugin({
  name: "words",
  summary: "Words",
  steps: [
    defineStep({
      name: "say",
      summary: "Say",
      inputs: { word: z.string(), after: z.string().default("") },
      outputs: { said: z.string() },
      run: async ({ inputs }) => ({ said: inputs.after + inputs.word + "${word}" }),
    }),
  ],
});
`;
const template = (word: string) => `
params: { last: end }
steps:
  one: { uses: words/say, with: { word: ${word} } }
  two: { uses: words/say, with: { word: "\${{ params.last }}", after: "\${{ steps.one.said }}" } }
outputs: { said: "\${{ steps.two.said }}" }
`;

/** Long enough ago that nobody takes it for a file that is still being written. */
function write(path: string, text: string, secondsAgo: number): void {
  writeFileSync(path, text);
  const at = Date.now() / 1000 - secondsAgo;
  utimesSync(path, at, at);
}

it("opens no template that was compiled before, and sees each change", { timeout: 60_000 }, async () => {
  await using folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  write(at("words.mjs"), plugin("!"), 60);
  write(at("t.yaml"), template("hello"), 60);
  writeFileSync(at("tplgraph.config.json"), JSON.stringify({ plugins: ["./words.mjs"], store: "./store" }));
  const env = { TPLGRAPH_STORE: at("store") };
  const run = (...args: string[]): Promise<CliResult> =>
    cli(["run", "t.yaml", ...args, "--json"], { cwd: folder.path, env });
  const said = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect(stderr).not.toContain("error");
    expect(exitCode).toBe(0);
    return (JSON.parse(stdout) as { outputs: { said: { value: string } } }).outputs.said.value;
  };
  // A file's change time is now, however old it is made: what was just written is compiled each time.
  const settled = () => new Promise((resolve) => setTimeout(resolve, 2100));

  expect(await said()).toBe("hello!end!");
  await settled();
  expect(await said()).toBe("hello!end!");
  const trace = at("trace");
  await promisify(execFile)(
    "strace",
    [
      "-f",
      "-e",
      "trace=open,openat",
      "-o",
      trace,
      process.execPath,
      join(root, "dist/cli/main.js"),
      "run",
      "t.yaml",
    ],
    { cwd: folder.path, env: { ...process.env, ...env } },
  );
  const opened = readFileSync(trace, "utf8");
  expect(opened).toContain("compiled/");
  expect(opened).not.toContain("t.yaml");

  expect(await said("-p", "last=stop")).toBe("hello!stop!");
  write(at("t.yaml"), template("bye"), 30);
  expect(await said()).toBe("bye!end!");
  write(at("words.mjs"), plugin("?"), 30);
  expect(await said()).toBe("bye?end?");
});

it("takes a parameters file of the folder that it is run in", { timeout: 60_000 }, async () => {
  await using folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  write(at("words.mjs"), plugin("!"), 60);
  write(at("t.yaml"), template("hello"), 60);
  writeFileSync(at("tplgraph.config.json"), JSON.stringify({ plugins: ["./words.mjs"], store: "./store" }));
  for (const place of ["here", "there"]) {
    mkdirSync(at(place));
    write(at(`${place}/p.yaml`), `last: ${place}\n`, 60);
  }
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const said = async (place: string) => {
    const args = [
      "run",
      at("t.yaml"),
      "--params",
      "p.yaml",
      "--config",
      at("tplgraph.config.json"),
      "--json",
    ];
    const { stdout } = await cli(args, { cwd: at(place), env: { TPLGRAPH_STORE: at("store") } });
    return (JSON.parse(stdout) as { outputs: { said: { value: string } } }).outputs.said.value;
  };
  // Twice here: the first run makes the store, the second keeps the graph in it.
  await said("here");
  expect(await said("here")).toBe("hello!here!");
  expect(await said("there")).toBe("hello!there!");
});
