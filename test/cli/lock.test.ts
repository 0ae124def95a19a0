/** `lock`, and builds that hold to it: names in the store, what steps look up, files. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Bench, bench } from "./cli.ts";

const DISK = (pattern: string) =>
  `name: disk\nsteps: { made: { uses: lab/disk, with: { pattern: ${pattern} } } }\noutputs: { image: "\${{ steps.made.image }}" }\n`;

//  used ◀─ disk:latest     weather ◀─ weather.txt (looked up)     read ◀─ words.txt ◀─ used
const TEMPLATE = `
name: mixed
steps:
  used: { uses: lab/use, with: { image: { ref: "disk:latest" } } }
  weather: { uses: lab/weather, with: { of: ./weather.txt } }
  words: { uses: lab/words, with: { file: ./words.txt, after: "\${{ steps.used.said }}" } }
`;

let b: Bench;
beforeEach(async () => {
  b = await bench();
  await b.write("disk.yaml", DISK("abc"));
  await b.write("mixed.yaml", TEMPLATE);
  await b.write("weather.txt", "rain");
  await b.write("words.txt", "one");
  expect(await b.run("run", "disk.yaml")).toMatchObject({ exitCode: 0 });
});
afterEach(() => b[Symbol.asyncDispose]());

const lockText = () => readFile(join(b.folder, "mixed.yaml.lock"), "utf8");

describe("a lock", () => {
  it("has what every mutable input stands for, also of steps that nothing was built of, and stays as it is", async () => {
    const { exitCode, stdout } = await b.run("lock", "mixed.yaml");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("mixed.yaml.lock: 1 name, 1 look-up, 1 file");
    const text = await lockText();
    expect(text).toMatch(/^schema: tplgraph\.lock\/1$/m);
    expect(text).toMatch(/^ {2}disk:latest \(image\):$/m);
    expect(text).toMatch(/^ {2}words\.txt:$/m);
    expect(text).not.toContain(b.folder);
    expect((await b.run("lock", "mixed.yaml")).exitCode).toBe(0);
    expect(await lockText()).toBe(text);
  });

  it("made again tells what moved, and keeps the time of what did not", async () => {
    await b.run("lock", "mixed.yaml");
    await b.write("words.txt", "other");
    const { stdout } = await b.run("lock", "mixed.yaml");
    expect(stdout).toMatch(/moved: words\.txt sha256:\w+ → sha256:\w+/);
    expect(stdout).not.toContain("disk:latest");
  });

  it("is an error where a file is missing, and then is not written", async () => {
    await rm(join(b.folder, "words.txt"));
    const { exitCode, stderr } = await b.run("lock", "mixed.yaml");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/mixed\.yaml:6:\d+ error file-not-found/);
    await expect(lockText()).rejects.toThrow("ENOENT");
  });
});

describe("with --locked", () => {
  it("a name is what it was locked to, wherever it has moved", async () => {
    await b.run("lock", "mixed.yaml");
    const locked = (await b.run("artifacts", "inspect", "disk", "--json")).stdout;
    await b.write("disk.yaml", DISK("xyz"));
    await b.run("run", "disk.yaml");
    const { stdout } = await b.run("run", "mixed.yaml", "--locked", "--json");
    expect(locked).toContain(JSON.parse(stdout).nodes.used.outputs.said.value);
    const free = await b.run("plan", "mixed.yaml", "--json");
    expect(JSON.parse(free.stdout).nodes[0]).toMatchObject({
      id: "used",
      fate: "miss",
      reason: { code: "input-changed" },
    });
  });

  it("what was looked up holds for a result that is there, and not for one that would be built", async () => {
    await b.run("lock", "mixed.yaml");
    expect((await b.run("run", "mixed.yaml", "--locked")).exitCode).toBe(0);
    await b.write("weather.txt", "sun");
    expect((await b.run("run", "mixed.yaml", "--locked")).stdout).toContain("all cached");
    const { exitCode, stderr } = await b.run("run", "mixed.yaml", "--locked", "--force", "weather");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /lock-moved: .*weather is not what was locked on \d{4}-\d\d-\d\d: it was "rain", and is "sun" now/,
    );
    expect(stderr).toContain("hint: tplgraph lock mixed.yaml takes what there is now");
  });

  it("a file that changed is an error at its place, with both digests", async () => {
    await b.run("lock", "mixed.yaml");
    await b.run("run", "mixed.yaml", "--locked");
    await b.write("words.txt", "other");
    const { exitCode, stderr } = await b.run("plan", "mixed.yaml", "--locked", "--force", "used");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /mixed\.yaml:6:\d+ error lock-moved: .*\.\/words\.txt .* it was sha256:\w+, and is sha256:\w+ now/,
    );
  });

  it.each([
    ["no lock", undefined, /lock-missing: --locked needs mixed\.yaml\.lock/],
    [
      "a lock of something else",
      "schema: tplgraph.lock/1\n",
      /mixed\.yaml:4:\d+ error lock-incomplete: .*"disk:latest" is not in the lock/,
    ],
    [
      "a lock that is none",
      "schema: other/1\n",
      /lock-damaged: mixed\.yaml\.lock is no lock of this version/,
    ],
    ["a lock that is no YAML", "a: [\n", /lock-damaged/],
  ])("%s is told", async (_, text, says) => {
    if (text !== undefined) await b.write("mixed.yaml.lock", text);
    const { exitCode, stderr } = await b.run("run", "mixed.yaml", "--locked");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(says);
  });

  it("what it names and the store does not have is told before anything is built", async () => {
    await b.run("lock", "mixed.yaml");
    const [before, refs] = (await lockText()).split(/(?=^refs:)/m);
    await b.write("mixed.yaml.lock", before + refs!.replace(/sha256:\w{64}/, `sha256:${"0".repeat(64)}`));
    const { exitCode, stderr } = await b.run("run", "mixed.yaml", "--locked");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /mixed\.yaml:4:\d+ error lock-lost: .*"disk:latest" is locked to sha256:0+, which is not/,
    );
  });
});
