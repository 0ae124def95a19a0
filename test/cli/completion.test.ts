import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EXAMPLES } from "../../src/cli/examples.ts";
import { defineProgram } from "../../src/cli/program.ts";
import { openTerminal } from "../../src/cli/terminal.ts";
import { type Bench, bench } from "./cli.ts";

let b: Bench;
beforeAll(async () => {
  b = await bench();
  await b.write(
    "ok.yaml",
    "params: { word: x }\nsteps:\n  one: { uses: lab/say, with: { word: y } }\n  two: { uses: lab/say, with: { word: z } }\n",
  );
  await b.write("notes.txt", "");
});
afterAll(() => b[Symbol.asyncDispose]());

const main = join(import.meta.dirname, "../../src/cli/main.ts");

/** As a shell calls it: `complete` is the first word. */
async function complete(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [main, "complete", ...args], { cwd: b.folder })).stdout;
}

/** What is offered for the words so far; the last one is being written. */
async function offered(...words: string[]): Promise<string[]> {
  const lines = (await complete("--", ...words)).trimEnd().split("\n");
  expect(lines.pop()).toMatch(/^:\d+$/);
  return lines.map((line) => line.split("\t")[0]!);
}

it.each([
  ["commands", ["ru"], ["run", "runs"]],
  ["commands of a command", ["artifacts", "ex"], ["export"]],
  ["options", ["run", "--prog"], ["--progress"]],
  ["values of an option", ["run", "--progress", "t"], ["tty"]],
  ["templates", ["run", ""], ["ok.yaml"]],
  ["steps of the template", ["run", "ok.yaml", "--target", ""], ["one", "two"]],
  ["parameters of the template", ["run", "ok.yaml", "-p", ""], ["word="]],
])("offers %s", async (_, words, expected) => {
  expect(await offered(...words)).toEqual(expected);
});

it.each(["bash", "zsh", "fish"])("prints what %s loads", async (shell) => {
  expect(await complete(shell)).toContain("tplgraph complete --");
});

it("has examples for every command, with options that there are", async () => {
  const program = await defineProgram({ terminal: openTerminal(), act: () => async () => {}, load: "all" });
  const leaves = (command: Command, words: string[]): [string, Command][] =>
    command.commands.length === 0
      ? [[words.join(" "), command]]
      : command.commands.flatMap((inner) => leaves(inner, [...words, inner.name()]));
  const all = leaves(program, []);
  expect(Object.keys(EXAMPLES).sort()).toEqual(["", "complete", ...all.map(([words]) => words)].sort());
  const common = program.options.map(({ long }) => long);
  for (const [words, { options }] of all) {
    const known = [...common, ...options.map(({ long }) => long)];
    const written = EXAMPLES[words]!.flatMap(
      (line) => line.replace(/'[^']*'/g, "").match(/--[a-z-]+/g) ?? [],
    );
    expect(known, words).toEqual(expect.arrayContaining(written));
  }
});
