/** Every reason there is for a miss, produced by the command line on a store, and what `explain` makes of it. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Explanation } from "../../src/engine/plan/explanation.ts";
import { explanationText } from "../../src/views/explanation.ts";
import { type Bench, bench } from "./cli.ts";

//  first ─▶ second ─▶ third ─▶ word
const CHAIN = `
name: chain
params: { word: hello }
steps:
  first: { uses: lab/say, with: { word: "\${{ params.word }}" } }
  second: { uses: lab/say, with: { word: " there", after: "\${{ steps.first.said }}" } }
  third: { uses: lab/say, with: { word: "!", after: "\${{ steps.second.said }}" } }
outputs:
  word: \${{ steps.third.said }}
`;

let b: Bench;
beforeEach(async () => {
  b = await bench();
  await b.write("chain.yaml", CHAIN);
});
afterEach(() => b[Symbol.asyncDispose]());

type Document = Explanation & { schema: string };

/** `text`: as it would be printed without `--json`. */
async function explained(...args: string[]): Promise<{ text: string; json: Document; reason: unknown }> {
  const { exitCode, stdout, stderr } = await b.run("explain", ...args, "--json");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const json = JSON.parse(stdout) as Document;
  expect(json.schema).toBe("tplgraph.explain/1");
  return { text: explanationText(json), json, reason: json.reason?.code };
}

async function built(...args: string[]): Promise<void> {
  expect(await b.run("run", ...args)).toMatchObject({ exitCode: 0 });
}

describe("a step that would run says why", () => {
  it("never-built", async () => {
    const { text, reason } = await explained("chain.yaml", "first");
    expect(reason).toBe("never-built");
    expect(text).toContain("would be built, because it was never built here; 2 steps follow");
  });

  it("params-changed, with the line", async () => {
    await built("chain.yaml");
    const { text, json, reason } = await explained("chain.yaml", "first", "-p", "word=bye");
    expect(reason).toBe("params-changed");
    expect(text).toContain("because it changed: with.word hello → bye (chain.yaml:5)");
    expect(text).toMatch(/last made in \S+ on \S+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, by run r/);
    expect(json.causes[0]?.follows).toEqual(["second", "third"]);
  });

  it("upstream, folded to the first step that changed", async () => {
    await built("chain.yaml");
    const { text, json, reason } = await explained("chain.yaml", "third", "-p", "word=bye");
    expect(reason).toBe("upstream");
    expect(text).toContain('may be built, because "first" changed: with.word hello → bye (chain.yaml:5)');
    expect(json.causes).toMatchObject([{ step: "first", reason: { code: "params-changed" } }]);
  });

  it("input-changed, put down to what changed above although that is built already", async () => {
    await built("chain.yaml");
    await built("chain.yaml", "-p", "word=bye", "--target", "first");
    const { text, json, reason } = await explained("chain.yaml", "second", "-p", "word=bye");
    expect(reason).toBe("input-changed");
    expect(json.reason?.changed).toMatchObject([{ path: "inputs.after", from: "hello", to: "bye" }]);
    expect(text).toContain('would be built, because "first" changed: with.word hello → bye (chain.yaml:5)');
  });

  it("input-changed, by the content of a file", async () => {
    await tool("1.0");
    await b.write("read.yaml", "steps:\n  one:\n    uses: lab/read\n    with:\n      script: ./words.txt\n");
    await b.write("words.txt", "one");
    await built("read.yaml");
    await b.write("words.txt", "other");
    const { text, json, reason } = await explained("read.yaml", "one");
    expect(reason).toBe("input-changed");
    expect(json.causes[0]?.changed).toMatchObject([{ file: "./words.txt", where: { line: 5, column: 15 } }]);
    expect(text).toMatch(
      /the content of \.\/words\.txt changed \(sha256:\w{12} → sha256:\w{12}\) \(read\.yaml:5\)/,
    );
  });

  it("tool-changed, with both versions", async () => {
    await tool("1.0");
    await b.write("words.txt", "one");
    await b.write("read.yaml", "steps: { one: { uses: lab/read, with: { script: ./words.txt } } }\n");
    await built("read.yaml");
    await tool("1.1");
    const { text, reason } = await explained("read.yaml", "one");
    expect(reason).toBe("tool-changed");
    expect(text).toContain("the tool lab-tool: lab-tool 1.0 → lab-tool 1.1");
  });

  it("step-changed, with the files of the code that differ", async () => {
    await plugin("1");
    await b.write("own.yaml", "steps: { one: { uses: own/step } }\n");
    await built("own.yaml");
    await built("own.yaml"); // now there is a store to note the code's files in
    await plugin("2");
    const { text, json, reason } = await explained("own.yaml", "one");
    expect(reason).toBe("step-changed");
    expect(json.causes[0]?.changed).toMatchObject([{ path: "implementation", files: ["value.ts"] }]);
    expect(text).toContain("the step type's code changed: value.ts");
  });

  it("salt: as params-changed", async () => {
    await built("chain.yaml");
    await b.write("tplgraph.config.json", JSON.stringify({ plugins: [b.lab], salt: "new" }));
    const { text, reason } = await explained("chain.yaml", "first");
    expect(reason).toBe("params-changed");
    expect(text).toContain("the configuration's salt changed");
  });

  it("a resource's change, at the resource", async () => {
    const template = (length: number) =>
      `steps:\n  bench: { uses: lab/bench, with: { lengthCm: ${length} } }\n  word: { uses: lab/say, with: { word: x, bench: "\${{ steps.bench.bench }}" } }\n`;
    await b.write("held.yaml", template(100));
    await built("held.yaml");
    await b.write("held.yaml", template(200));
    const { text, json } = await explained("held.yaml", "word");
    expect(json.causes).toMatchObject([
      { step: "bench", changed: [{ path: "with.lengthCm", from: 100, to: 200 }] },
    ]);
    expect(text).toContain('because "bench" changed: with.lengthCm 100 → 200 (held.yaml:2)');
    expect((await explained("held.yaml", "bench")).text).toContain("would be held for word");
  });

  it("evicted, with the date of the collection", async () => {
    await built("chain.yaml", "--target", "first");
    expect(await b.run("gc", "--keep-days", "0")).toMatchObject({ exitCode: 0 });
    const { text, json, reason } = await explained("chain.yaml", "first");
    const today = new Date().toISOString().slice(0, 10);
    expect(reason).toBe("evicted");
    expect(json.reason?.at?.slice(0, 10)).toBe(today);
    expect(text).toContain(`because it is no longer in the store: garbage-collected on ${today}`);
    expect(text).toContain("hint: keep it longer");
  });

  it("corrupt", async () => {
    await b.write(
      "disk.yaml",
      "steps: { made: { uses: lab/disk } }\noutputs: { image: '${{ steps.made.image }}' }\n",
    );
    await built("disk.yaml");
    await damageChunks(join(b.folder, "store/packs/1.pack"));
    expect(await b.run("artifacts", "verify")).toMatchObject({ exitCode: 1 });
    const { text, reason } = await explained("disk.yaml", "made");
    expect(reason).toBe("corrupt");
    expect(text).toMatch(/because it was damaged in the store: found on \d{4}-\d\d-\d\d/);
  });

  it("forced", async () => {
    await built("chain.yaml");
    const { text, reason } = await explained("chain.yaml", "first", "--force", "first");
    expect(reason).toBe("forced");
    expect(text).toContain("because it is to be run again (--force)");
  });
});

it("says of a hit which run made it, when, where and how long that took", async () => {
  await built("chain.yaml");
  const { text, json } = await explained("chain.yaml", "second");
  expect(json).toMatchObject({ fate: "hit", causes: [], producedBy: { node: "second" } });
  expect(text).toMatch(/cached: made in \S+ on \S+, \d{4}-\d\d-\d\d .* UTC, by run (r\w+)/);
  expect(text).toContain(`tplgraph runs logs ${json.producedBy?.run} second`);
  expect((await b.run("explain", "chain.yaml", "second")).stdout).toBe(`${text}\n`);
});

it("says of a template in another folder what changed since it was built in the first", async () => {
  await built("chain.yaml");
  await mkdir(join(b.folder, "checkout"));
  await b.write("checkout/chain.yaml", CHAIN.replace("hello", "bye"));
  const { text } = await explained("checkout/chain.yaml", "first");
  expect(text).toContain("with.word hello → bye");
});

it("suggests the step that was meant", async () => {
  const { exitCode, stderr } = await b.run("explain", "chain.yaml", "secnod");
  expect(exitCode).toBe(2);
  expect(stderr).toContain('chain.yaml has no step "secnod"');
  expect(stderr).toContain('did you mean "second"?');
});

/** Flips a bit in the middle of the pack that the image's chunks are in. */
async function damageChunks(pack: string): Promise<void> {
  const data = await readFile(pack);
  const middle = Math.floor(data.length / 2);
  data[middle] = data[middle]! ^ 1;
  await writeFile(pack, data);
}

async function tool(version: string): Promise<void> {
  await mkdir(join(b.folder, "bin"), { recursive: true });
  await b.write("bin/lab-tool", `#!/bin/sh\necho lab-tool ${version}\n`);
  await chmod(join(b.folder, "bin/lab-tool"), 0o755);
}

async function plugin(value: string): Promise<void> {
  const config = JSON.parse(await readFile(join(b.folder, "tplgraph.config.json"), "utf8"));
  await mkdir(join(b.folder, "own"), { recursive: true });
  await b.write("tplgraph.config.json", JSON.stringify({ ...config, plugins: [b.lab, "./own"] }));
  await b.write("own/value.ts", `export const value: string = "${value}";\n`);
  await b.write(
    "own/index.ts",
    `import { value } from "./value.ts";
export default { name: "own", summary: "", steps: [
  { kind: "artifact", name: "step", summary: "", inputs: {}, outputs: {}, run: async () => ({ value }) },
] };\n`,
  );
}
