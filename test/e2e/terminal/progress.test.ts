/**
 * The live view of a run in a real terminal: what it shows is true, one picture at a time, whatever the window does and
 * whatever the steps print.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root, temporaryFolder } from "../cli.ts";
import { openTestTerminal } from "./tmux.ts";

/** A step that prints what it is told to, and waits until the file `go` is there. */
const PLUGIN = `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { definePlugin, defineStep, TplError, z } from "${root}/dist/plugin.js";
export default definePlugin({
  name: "stage",
  summary: "Steps for the terminal",
  steps: [
    defineStep({
      name: "speak",
      summary: "Speak, and wait",
      inputs: { lines: z.array(z.string()), after: z.string().optional(), fail: z.boolean().default(false) },
      outputs: { said: z.string() },
      async run({ inputs, log, progress, hostPath, signal }) {
        progress(45, 100, "bytes");
        for (const line of inputs.lines) log(line);
        while (!existsSync(hostPath("go"))) await sleep(50, undefined, { signal });
        if (inputs.fail) throw new TplError({ code: "stage-failed", message: "forgot the words" });
        return { said: "so" };
      },
    }),
  ],
});
`;

const TEMPLATE = `
steps:
  wide: { uses: stage/speak, with: { lines: ["漢字かな交じり文の長い行 👩 and more and more and more and more and more"] } }
  steering: { uses: stage/speak, with: { lines: ["\\e[2J\\e[H\\e[31mred\\e[0m\\a \\r over", "plain"], fail: true } }
`;

it("redraws in place at every width, and strips what steers a terminal", { timeout: 120_000 }, async () => {
  await using folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  writeFileSync(at("stage.mjs"), PLUGIN);
  writeFileSync(at("t.yaml"), TEMPLATE);
  writeFileSync(at("tplgraph.config.json"), JSON.stringify({ plugins: ["./stage.mjs"], store: "./store" }));
  const command = `${process.execPath} ${join(root, "dist/cli/main.js")} run t.yaml --jobs 2; echo "status $?"; cat`;
  await using terminal = await openTestTerminal({ command, columns: 100, rows: 20, cwd: folder.path });

  const isLive = (screen: string[]) => screen.filter((row) => /^▸ .* 45%/.test(row)).length === 2;
  const wide = await terminal.until("two running steps", isLive);
  expect(wide.find((row) => row.includes("wide"))).toMatch(/^▸ wide +\d+(\.\d+)?m?s +45% {2}漢字/);
  expect(wide.find((row) => row.includes("steering"))).toMatch(/45% {2}plain$/);
  expect(wide.find((row) => row.includes("[0/2]"))).toMatch(/2 running/);

  // Narrower: the terminal wraps what was there, and the next picture takes its place.
  for (const columns of [40, 120, 60, 100]) {
    await terminal.resize(columns, 20);
    await terminal.until(`one picture at ${columns} columns`, (screen) => {
      const [line, ...others] = screen.filter((row) => row.startsWith("▸ wide"));
      const status = screen.filter((row) => row.includes("[0/2]"));
      const isWhole = line?.endsWith("and more") === true;
      return line !== undefined && others.length === 0 && status.length === 1 && isWhole === columns >= 100;
    });
  }

  writeFileSync(at("go"), "");
  const ended = await terminal.until("the end", (screen) => screen.some((row) => row.startsWith("status")));
  const all = (await terminal.history()).join("\n");
  expect(ended.join("\n")).toContain("status 1");
  expect(all).toMatch(/✘ steering {2}stage\/speak .*forgot the words/);
  // The failed step keeps its tail, as text.
  expect(all).toContain("│ red  over");
  expect(all).toContain("│ plain");
  expect(all).toMatch(/tplgraph runs logs r\w+ steering/);
  // What a narrower window pushed out above its first row nobody can take back; below, no picture is left.
  const below = ended.slice(ended.findIndex((row) => row.startsWith("✔ wide"))).join("\n");
  expect(below).not.toContain("▸");
  expect(below).not.toContain("[0/2]");
});
