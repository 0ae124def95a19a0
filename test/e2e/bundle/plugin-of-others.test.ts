/**
 * The command is bundled, the library that a plugin imports is not: there are two copies of zod and of the engine's
 * functions in one process. What a plugin makes with its copy must mean the same to the command's.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cli, root, temporaryFolder } from "../cli.ts";

const PLUGIN = `
import { definePlugin, defineResource, defineStep, resource, TplError, ToolError, unkeyed, z } from "tplgraph/plugin";

export default definePlugin({
  name: "other",
  summary: "Steps that need nothing",
  steps: [
    defineResource({
      name: "bench",
      summary: "Hold a bench",
      inputs: {},
      outputs: { bench: resource("bench") },
      async acquire() {
        return { bench: { free: true } };
      },
    }),
    defineStep({
      name: "say",
      summary: "Say a word",
      inputs: {
        word: z.string().min(2, "must be a word"),
        how: unkeyed(z.enum(["loud", "low"]).default("low")),
        bench: resource("bench").optional(),
      },
      outputs: { said: z.string() },
      async run({ inputs }) {
        return { said: inputs.word };
      },
    }),
    defineStep({
      name: "fail",
      summary: "Fail with an error of its own, having seen one of the engine's",
      inputs: {},
      outputs: { said: z.string() },
      async run(step) {
        const error = await step.tool("false", []).catch((thrown) => thrown);
        const seen = error instanceof ToolError && error instanceof TplError;
        throw new TplError({ code: "other-failed", message: "seen: " + seen, hint: "do not use it" });
      },
    }),
  ],
});
`;

const SAY = `name: say
params: { how: low }
steps:
  bench: { uses: other/bench }
  said:
    uses: other/say
    with: { word: hello, how: "\${{ params.how }}", bench: "\${{ steps.bench.bench }}" }
outputs: { said: "\${{ steps.said.said }}" }
`;

async function project() {
  const folder = await temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);
  mkdirSync(join(folder.path, "node_modules"));
  symlinkSync(root, join(folder.path, "node_modules/tplgraph"));
  write("other.ts", PLUGIN);
  write("tplgraph.config.json", JSON.stringify({ plugins: ["./other.ts"] }));
  const options = { cwd: folder.path, env: { TPLGRAPH_STORE: join(folder.path, "store") } };
  return {
    write,
    run: (...args: string[]) => cli(args, options),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

it("builds with a plugin's ports, and finds the result again where only an unkeyed one changed", async () => {
  await using place = await project();
  place.write("say.yaml", SAY);
  const built = await place.run("run", "say.yaml");
  expect(built.exitCode, built.stderr).toBe(0);
  const plan = await place.run("plan", "say.yaml", "-p", "how=loud", "--format", "json");
  expect(JSON.parse(plan.stdout).summary).toMatchObject({ hit: 1, miss: 0 });
});

it("holds a template against a plugin's schemas", async () => {
  await using place = await project();
  place.write("say.yaml", SAY.replace("hello", "x"));
  const result = await place.run("run", "say.yaml");
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain("must be a word");
});

it("knows a plugin's errors, as the plugin knows the engine's", async () => {
  await using place = await project();
  place.write(
    "fail.yaml",
    'name: fail\nsteps: { f: { uses: other/fail } }\noutputs: { o: "${{ steps.f.said }}" }\n',
  );
  const result = await place.run("run", "fail.yaml", "--progress", "plain");
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain("seen: true");
  expect(result.stderr).toContain("do not use it");
});
