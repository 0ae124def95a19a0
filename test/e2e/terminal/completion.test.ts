/** Completion as a person gets it: a shell in a terminal, and the tab key. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root, temporaryFolder } from "../cli.ts";
import { openTestTerminal } from "./tmux.ts";

const SHELLS = [
  {
    shell: "bash",
    command: "bash --norc",
    load: "source /usr/share/bash-completion/bash_completion; source <(tplgraph complete bash)",
  },
  {
    shell: "zsh",
    command: "zsh -f",
    load: "autoload -Uz compinit; compinit -u; source <(tplgraph complete zsh)",
  },
  { shell: "fish", command: "fish --no-config", load: "tplgraph complete fish | source" },
];

it.each(SHELLS)(
  "completes a command, a template and its step in $shell",
  { timeout: 120_000 },
  async ({ command, load }) => {
    await using folder = await temporaryFolder();
    const at = (name: string) => join(folder.path, name);
    mkdirSync(at("bin"));
    mkdirSync(at("images"));
    writeFileSync(
      at("bin/tplgraph"),
      `#!/bin/sh\nexec "${process.execPath}" "${root}/dist/cli/main.js" "$@"\n`,
    );
    chmodSync(at("bin/tplgraph"), 0o755);
    writeFileSync(at("images/small.yaml"), "steps:\n  made: { uses: ext4/mkfs, with: { sizeMiB: 64 } }\n");
    const env = { HOME: folder.path, HISTFILE: "/dev/null", PATH: `${at("bin")}:${process.env.PATH}` };
    await using terminal = await openTestTerminal({ command, columns: 100, rows: 24, cwd: folder.path, env });

    await terminal.type(`${load}; echo lo""aded`);
    await terminal.press("Enter");
    await terminal.until("that completion is loaded", (screen) => screen.some((row) => row === "loaded"));
    const typed = async (text: string, completed: RegExp) => {
      await terminal.type(text);
      await terminal.press("Tab");
      await terminal.until(`${completed}`, (screen) => screen.some((row) => completed.test(row)));
    };
    await typed("tplgraph vali", /tplgraph validate/);
    await terminal.press("C-u");
    await typed("tplgraph run ima", /tplgraph run images\//);
    await typed("sm", /tplgraph run images\/small\.yaml/);
    await typed(" --targ", /small\.yaml +--target/);
    await typed(" ma", /--target +made/);
    expect((await terminal.screen()).join("\n")).not.toContain("command not found");
  },
);
