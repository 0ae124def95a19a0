/** `plan --against`: what a change means, compared with a real git revision. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Review } from "../../src/engine/plan/review.ts";
import { type Bench, bench } from "./cli.ts";

//  first ─▶ second ─▶ third        other
const template = (word: string, more = "") => `
name: chain
params: { word: ${word} }
steps:
  first: { uses: lab/say, with: { word: "\${{ params.word }}" } }
  second: { uses: lab/say, with: { word: " there", after: "\${{ steps.first.said }}" } }
  third: { uses: lab/say, with: { word: "!", after: "\${{ steps.second.said }}" } }
  other: { uses: lab/say, with: { word: alone } }
${more}`;

let b: Bench;
let temporary: string;
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], {
    cwd: b.folder,
    encoding: "utf8",
  });

beforeEach(async () => {
  b = await bench();
  temporary = await mkdtemp(join(tmpdir(), "tplgraph-against-"));
  process.env.TMPDIR = temporary;
  await mkdir(join(b.folder, "templates"));
  await b.write("templates/chain.yaml", template("hello"));
  await b.write(".gitignore", "store\n");
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-q", "-m", "first");
});
afterEach(async () => {
  delete process.env.TMPDIR;
  expect(readdirSync(temporary)).toEqual([]);
  expect(git("worktree", "list").trim().split("\n")).toHaveLength(1);
  await rm(temporary, { recursive: true });
  await b[Symbol.asyncDispose]();
});

async function against(...more: string[]): Promise<Review> {
  const { stdout, stderr } = await b.run(
    "plan",
    "templates/chain.yaml",
    "--against",
    "main",
    "--json",
    ...more,
  );
  expect(stderr).toBe("");
  return JSON.parse(stdout).against as Review;
}

const changes = ({ nodes }: Review) => Object.fromEntries(nodes.map(({ id, change }) => [id, change]));

describe("a change", () => {
  it("of nothing leaves everything the same, wherever the files lie and whatever the store has", async () => {
    const { summary, commit } = await against();
    expect(summary).toMatchObject({ same: 4, changed: 0, follows: 0, added: 0, removed: 0, toBuild: 0 });
    expect(commit).toBe(git("rev-parse", "main").trim());
  });

  it("of a value is told at its line; what stands on it follows, the rest is the same", async () => {
    await b.write("templates/chain.yaml", template("bye"));
    const review = await against();
    expect(changes(review)).toEqual({ first: "changed", second: "follows", third: "follows", other: "same" });
    expect(review.nodes[0]).toMatchObject({
      code: "params-changed",
      changed: [
        { path: "with.word", from: "hello", to: "bye", where: { file: "templates/chain.yaml", line: 5 } },
      ],
    });
    expect(review.summary.toBuild).toBe(3);
    expect((await b.run("run", "templates/chain.yaml")).exitCode).toBe(0);
    const built = await against();
    expect(built.summary).toMatchObject({ changed: 1, follows: 2, toBuild: 0 });
  });

  it("of the steps is told: new, removed, wired to another one", async () => {
    const now = template("hello", "  new: { uses: lab/say, with: { word: new } }\n")
      .replace(/ {2}other: .*\n/, "")
      .replace('after: "${{ steps.second.said }}"', 'after: "${{ steps.first.said }}"');
    await b.write("templates/chain.yaml", now);
    const review = await against();
    expect(changes(review)).toEqual({
      first: "same",
      second: "same",
      third: "changed",
      new: "added",
      other: "removed",
    });
    expect(review.nodes.find(({ id }) => id === "third")?.changed).toMatchObject([
      { path: "inputs.after", from: "second.said", to: "first.said" },
    ]);
  });

  it("of a plugin's code changes its steps; a parameter that is new does not disturb the revision", async () => {
    await mkdir(join(b.folder, "own"));
    await b.write("tplgraph.config.json", JSON.stringify({ plugins: [b.lab, "./own"] }));
    await b.write("own/index.ts", plugin(1));
    await b.write("templates/chain.yaml", "name: chain\nsteps: { one: { uses: own/step } }\n");
    git("add", ".");
    git("commit", "-q", "-m", "second");
    expect(changes(await against())).toEqual({ one: "same" });
    await b.write("own/index.ts", plugin(2));
    await b.write(
      "templates/chain.yaml",
      "name: chain\nparams: { size: 1 }\nsteps: { one: { uses: own/step } }\n",
    );
    const review = await against("-p", "size=2");
    expect(review.nodes).toMatchObject([{ id: "one", change: "changed", code: "step-changed" }]);
  });
});

it("is told as Markdown, with a graph, and with nothing of the template as markup", async () => {
  await b.write("templates/chain.yaml", template('"a|b <img> `x`"'));
  const { stdout } = await b.run("plan", "templates/chain.yaml", "--against", "main", "--format", "markdown");
  expect(stdout).toContain("### `chain`: 3 steps to build again, 1 kept");
  expect(stdout).toContain(
    "| changed | `first` | `lab/say` | with.word hello → a\\|b &lt;img&gt; \\`x\\` (templates/chain.yaml:5)",
  );
  expect(stdout).toContain("| follows | `third` |");
  expect(stdout).toMatch(/```mermaid\nflowchart LR\n/);
  expect(stdout).toContain("classDef changed");
  expect((await b.run("plan", "templates/chain.yaml", "--format", "markdown")).stdout).toContain(
    "### `chain`: a run would build",
  );
});

it("is a table on a terminal", async () => {
  await b.write("templates/chain.yaml", template("bye"));
  const { stdout } = await b.run("plan", "templates/chain.yaml", "--against", "main");
  expect(stdout).toMatch(/changed +first +lab\/say .*with\.word hello → bye \(templates\/chain\.yaml:5\)/);
  expect(stdout).toContain(
    "1 changed, 2 standing on these, 1 the same. 3 to build: time unknown, bytes to store unknown.",
  );
});

describe("what cannot be compared", () => {
  it.each([
    [
      "a revision that is none",
      ["--against", "nowhere"],
      /unknown-revision: git knows no revision "nowhere"/,
    ],
    ["a revision that looks like an option", ["--against=--all"], /unknown-revision/],
  ])("%s", async (_, args, says) => {
    const { exitCode, stderr } = await b.run("plan", "templates/chain.yaml", ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(says);
  });

  it("a template that is new, and one in no repository", async () => {
    await b.write("templates/new.yaml", template("x"));
    expect((await b.run("plan", "templates/new.yaml", "--against", "main")).stderr).toMatch(
      /not-in-revision: templates\/new\.yaml is not in main/,
    );
    await rm(join(b.folder, ".git"), { recursive: true });
    expect((await b.run("plan", "templates/chain.yaml", "--against", "main")).stderr).toMatch(
      /not-in-git: .* not a git repository/,
    );
    git("init", "-q", "-b", "main");
  });

  it("a revision whose template was wrong, told at its line", async () => {
    await b.write("templates/chain.yaml", template("hello").replace("lab/say", "lab/sya"));
    git("commit", "-qam", "wrong");
    await b.write("templates/chain.yaml", template("hello"));
    const { exitCode, stderr } = await b.run("plan", "templates/chain.yaml", "--against", "main");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/revision-unsound: main cannot be compared: templates\/chain\.yaml:5: .*lab\/sya/);
  });
});

it("leaves nothing when it is interrupted", async () => {
  await mkdir(join(b.folder, "bin"));
  const real = execFileSync("which", ["git"], { encoding: "utf8" }).trim();
  await b.write(
    "bin/git",
    `#!/bin/sh\ncase " $* " in *" checkout-index "*) exec sleep 30 ;; esac\nexec ${real} "$@"\n`,
  );
  execFileSync("chmod", ["755", join(b.folder, "bin/git")]);
  const checkingOut = () => readdirSync(temporary).some((name) => existsSync(join(temporary, name, "index")));
  const { exitCode, stderr } = await b.watch(
    ["plan", "templates/chain.yaml", "--against", "main"],
    () => {},
    (kill) => {
      const timer = setInterval(() => {
        if (!checkingOut()) return;
        clearInterval(timer);
        kill("SIGINT");
      }, 20);
    },
  );
  expect(exitCode).toBe(130);
  expect(stderr).toContain("interrupted");
});

function plugin(value: number): string {
  return `export default { name: "own", summary: "", steps: [
  { kind: "artifact", name: "step", summary: "", inputs: {}, outputs: {}, run: async () => ({ value: ${value} }) },
] };\n`;
}
