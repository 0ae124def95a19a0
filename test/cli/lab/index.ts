/** A plugin for the command line's tests: steps that need no disk, no root, and no tool that is not everywhere. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  definePlugin,
  defineResource,
  defineStep,
  image,
  resource,
  TplError,
  z,
} from "../../../src/engine/plugin/index.ts";

export default definePlugin({
  name: "lab",
  summary: "Steps for tests",
  steps: [
    defineStep({
      name: "say",
      summary: "Say a word",
      inputs: { word: z.string(), after: z.string().optional(), bench: resource("bench").optional() },
      outputs: { said: z.string() },
      async run({ inputs, log }) {
        log(`saying ${inputs.word}`);
        return { said: `${inputs.after ?? ""}${inputs.word}` };
      },
    }),
    defineStep({
      name: "print",
      summary: "Print a word by a tool that is everywhere",
      inputs: { word: z.string() },
      outputs: { said: z.string() },
      async run({ inputs, tool }) {
        const { stdout } = await tool("printf", ["%s\\n", inputs.word]);
        return { said: stdout };
      },
    }),
    defineStep({
      name: "fail",
      summary: "Fail, with a hint",
      inputs: {},
      outputs: { said: z.string() },
      async run({ log }) {
        log("about to fail");
        throw new TplError({ code: "lab-failed", message: "the lab exited 7", hint: "do not use it" });
      },
    }),
    defineStep({
      name: "wait",
      summary: "Wait to be cancelled",
      inputs: {},
      outputs: { said: z.string() },
      async run({ log, signal }) {
        log("waiting");
        await sleep(60_000, undefined, { signal });
        return { said: "" };
      },
    }),
    defineStep({
      name: "disk",
      summary: "Make an image of 128 KiB, two chunks",
      inputs: { pattern: z.string().default("0123456789 ") },
      outputs: { image: image() },
      async run({ inputs, scratch, putImage }) {
        const path = join(await scratch(), "disk");
        await writeFile(path, Buffer.alloc(128 * 1024, inputs.pattern));
        return { image: await putImage(path) };
      },
    }),
    defineStep({
      name: "dice",
      summary: "Throw dice: another image each time",
      inputs: {},
      outputs: { image: image() },
      async run({ scratch, putImage }) {
        const path = join(await scratch(), "disk");
        const bytes = Buffer.alloc(128 * 1024, "0123456789 ");
        bytes.write(`${process.hrtime.bigint()}`.slice(-8), 100_000);
        await writeFile(path, bytes);
        return { image: await putImage(path) };
      },
    }),
    defineStep({
      name: "vm",
      summary: "Say that it is not reproducible",
      inputs: { after: image() },
      outputs: { said: z.string() },
      reproducible: false,
      run: async () => ({ said: `${process.hrtime.bigint()}` }),
    }),
    defineStep({
      name: "read",
      summary: "Read a file, with a tool in its key",
      inputs: { script: z.string() },
      outputs: { said: z.string() },
      tools: { "lab-tool": ["--version"] },
      resolve: async ({ script }, plan) => ({ script: (await plan.fileDigest(script!)).digest }),
      run: async ({ inputs, hostFile }) => ({ said: (await hostFile(inputs.script)).toString("utf8") }),
    }),
    defineStep({
      name: "words",
      summary: "Say what a file says",
      inputs: { file: z.string(), after: z.string().optional() },
      outputs: { said: z.string() },
      resolve: async ({ file }, plan) => ({ file: (await plan.fileDigest(file!)).digest }),
      run: async ({ inputs, hostFile }) => ({ said: (await hostFile(inputs.file)).toString("utf8") }),
    }),
    defineStep({
      name: "weather",
      summary: "Tell the weather, which a file beside the template has",
      inputs: { of: z.string() },
      outputs: { said: z.string() },
      resolve: async ({ of }, plan) => ({
        weather: await plan.remember(
          `weather:${plan.hostPath(of!)}`,
          () => readFile(plan.hostPath(of!), "utf8"),
          {
            maxAgeMs: 0,
            lockAs: "weather",
          },
        ),
      }),
      run: async ({ resolved }) => ({ said: String(resolved.weather) }),
    }),
    defineStep({
      name: "use",
      summary: "Use an image",
      inputs: { image: image() },
      outputs: { said: z.string() },
      run: async ({ inputs }) => ({ said: inputs.image.digest }),
    }),
    defineResource({
      name: "bench",
      summary: "A bench of a length",
      inputs: { lengthCm: z.number(), stands: z.string().optional() },
      outputs: { bench: resource("bench") },
      acquire: async () => ({ bench: {} }),
    }),
    defineResource({
      name: "leak",
      summary: "A bench that cannot be put away",
      inputs: {},
      outputs: { bench: resource("bench") },
      async acquire({ onCleanup }) {
        onCleanup("put the bench away", async () => {
          throw new TplError({ code: "stuck", message: "the bench is stuck" });
        });
        return { bench: {} };
      },
    }),
  ],
});
