/** `tplgraph mount`: an image's files, read-only, in a folder until Ctrl-C. */
import { readdirSync, realpathSync } from "node:fs";
import type { Command } from "commander";
import { TplError } from "../../engine/errors.ts";
import { printable } from "../../views/text-width.ts";
import type { Action, Cli } from "../command.ts";
import { holdDisk } from "../held-disk.ts";

export function define(command: Command, act: Action): void {
  command
    .argument("<ref>", "NAME[:TAG][#OUTPUT], sha256:DIGEST or RUN:OUTPUT")
    .argument("<folder>", "where to mount it: an empty folder")
    .action(act(mount));
}

async function mount(cli: Cli, _: object, ref: string, folder: string): Promise<number> {
  const { terminal } = cli;
  requireRoot();
  const path = mountPoint(folder);
  return holdDisk(cli, {
    name: "mount",
    refs: [ref],
    ending: `unmounting ${printable(folder)}`,
    async open(step, [image]) {
      const { checkOpened } = await import("../../plugins/ext4/index.ts");
      const disk = await step.openDisk({ image: image! });
      const { corrected } = await checkOpened(step, disk, image!, "preen");
      if (corrected)
        terminal.err("the file system was repaired for this mount; the stored image is unchanged");
      // What is in an image is not to be trusted with this machine's devices, nor with its users' rights.
      const mounted = await disk.mount({ readOnly: true, options: ["nodev", "nosuid"] });
      await step.acquire({ kind: "mount", path }, () => step.tool("mount", ["--bind", "--", mounted, path]));
      if (cli.flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.mount/1", path, image }));
      else terminal.err(`${printable(ref)} is mounted read-only on ${printable(path)}; Ctrl-C unmounts it`);
      return [disk];
    },
    beforeRelease: () => unmountWhenFree(path, terminal.err),
  });
}

function requireRoot(): void {
  if (process.geteuid!() === 0) return;
  throw new TplError({
    code: "needs-root",
    message: "only root can mount a file system",
    hint: "run it as root, or use tplgraph serve or artifacts export",
  });
}

/** As the kernel names it. */
function mountPoint(folder: string): string {
  const shown = printable(folder);
  try {
    const path = realpathSync(folder);
    if (readdirSync(path).length === 0) return path;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
    throw new TplError({
      code: "no-such-folder",
      message: code === "ENOENT" ? `there is no folder ${shown}` : `${shown} is not a folder`,
      hint: "give an empty folder",
      cause,
    });
  }
  throw new TplError({
    code: "folder-not-empty",
    message: `${shown} is not empty`,
    hint: "give an empty folder: what is in it would be hidden",
  });
}

const RETRY_MS = 500;

/** Somebody may still stand in it: nothing is taken from under them. */
async function unmountWhenFree(path: string, tell: (line: string) => void): Promise<void> {
  const { unmount } = await import("../../image/attach/mount.ts");
  for (let tries = 0; ; tries++) {
    try {
      return await unmount(path);
    } catch (error) {
      if (!(error instanceof TplError && error.code === "mount-busy")) throw error;
      if (tries === 0)
        tell(`${printable(path)} is still in use: waiting until it is free (lsof +f -- DIR tells by whom)`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
