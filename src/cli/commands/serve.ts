/** `tplgraph serve`: an image as an NBD socket until Ctrl-C. */
import { existsSync, lstatSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { TplError } from "../../engine/errors.ts";
import { printable } from "../../views/text-width.ts";
import type { Action, Cli } from "../command.ts";
import { holdDisk } from "../held-disk.ts";

interface ServeFlags {
  socket: string;
  readWrite?: boolean;
}

export function define(command: Command, act: Action): void {
  command
    .argument("<ref>", "NAME[:TAG][#OUTPUT], sha256:DIGEST or RUN:OUTPUT")
    .requiredOption("--socket <path>", "where the socket is to be (a link to it is made there)")
    .option("--read-write", "clients may write; what they wrote is gone when it ends")
    .action(act(serve));
}

async function serve(cli: Cli, flags: ServeFlags, ref: string): Promise<number> {
  const path = resolve(flags.socket);
  checkPlace(path);
  const readOnly = !flags.readWrite;
  return holdDisk(cli, {
    name: "serve",
    ref,
    ending: "ending the clients' connections",
    async open(step, image) {
      const disk = await step.openDisk({ image, readOnly });
      checkPlace(path); // once more: what is there by now is somebody else's, and not to be removed with our things
      await step.acquire({ kind: "file", path }, () => symlink(disk.socketPath, path));
      const uri = `nbd+unix:///?socket=${encodeURI(path)}`;
      if (cli.flags.json)
        cli.terminal.out(JSON.stringify({ schema: "tplgraph.serve/1", uri, socket: path, image, readOnly }));
      else {
        cli.terminal.out(uri);
        cli.terminal.err(howToUse(uri, ref, readOnly ? "read-only" : "read-write"));
      }
      return disk;
    },
  });
}

function checkPlace(path: string): void {
  const shown = printable(path);
  if (!existsSync(dirname(path)))
    throw new TplError({
      code: "no-such-folder",
      message: `the folder of --socket ${shown} is not there`,
      hint: "make it first",
    });
  if (lstatSync(path, { throwIfNoEntry: false }))
    throw new TplError({
      code: "file-exists",
      message: `${shown} is there already`,
      hint: "choose another path, or remove it",
    });
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw new TplError({
      code: "path-too-long",
      message: `a socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes, and ${shown} has more`,
      hint: "choose a shorter one",
    });
}

/** unix(7): 108 bytes, the last one a NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

function howToUse(uri: string, ref: string, mode: "read-only" | "read-write"): string {
  return [
    `serving ${printable(ref)} ${mode}; Ctrl-C ends it`,
    `  nbdinfo '${uri}'`,
    `  nbdcopy '${uri}' FILE`,
    `  qemu-system-x86_64 … -drive 'file=${uri},format=raw,if=virtio${mode === "read-only" ? ",readonly=on" : ""}'`,
    ...(mode === "read-write" ? ["what clients write is gone when it ends"] : []),
  ].join("\n");
}
