/** `tplgraph serve`: images as NBD exports until Ctrl-C. */
import { existsSync, lstatSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { ImageArtifact } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { printable } from "../../views/text-width.ts";
import type { Action, Cli } from "../command.ts";
import { holdDisk } from "../held-disk.ts";

interface ServeFlags {
  socket?: string;
  port?: number;
  readWrite?: boolean;
}

export function define(command: Command, act: Action): void {
  command
    .argument(
      "<ref...>",
      "NAME[:TAG][#OUTPUT], sha256:DIGEST or RUN:OUTPUT; of several, each is an export of that name",
    )
    .option("--socket <path>", "where the socket is to be (a link to it is made there)")
    .option("--port <number>", "a port of 127.0.0.1, 0 for any that is free", parsePort)
    .option("--read-write", "clients may write; what they wrote is gone when it ends")
    .action(act(serve));
}

async function serve(cli: Cli, flags: ServeFlags, refs: readonly string[]): Promise<number> {
  const { port } = flags;
  const path = flags.socket === undefined ? undefined : resolve(flags.socket);
  if (path === undefined && port === undefined)
    throw new TplError({
      code: "wrong-usage",
      message: "neither --socket nor --port says where to serve",
      hint: "give a path for the socket, or a port",
    });
  if (path !== undefined) checkPlace(path);
  const twice = refs.find((ref, place) => refs.indexOf(ref) < place);
  if (twice !== undefined)
    throw new TplError({
      code: "wrong-usage",
      message: `${printable(twice)} is named twice`,
      hint: "each export has a name of its own",
    });
  const readOnly = !flags.readWrite;
  const parallel = readOnly && path !== undefined;
  return holdDisk(cli, {
    name: "serve",
    refs,
    ending: "ending the clients' connections",
    async open(step, images) {
      const disks: Disk[] = [];
      for (const [place, image] of images.entries()) {
        const options = { image, readOnly, parallel, exportName: refs[place]! };
        disks.push(await step.openDisk(place === 0 && port !== undefined ? { ...options, port } : options));
      }
      const [first] = disks;
      if (path !== undefined) {
        checkPlace(path); // once more: what is there by now is somebody else's, and not to be removed with our things
        await step.acquire({ kind: "file", path }, () => symlink(first!.socketPath, path));
      }
      const at = path === undefined ? { port: first!.port! } : { socket: path };
      const exports = refs.map((name, place) => ({
        name,
        uri: uriOf(refs.length === 1 ? "" : name, at),
        image: images[place]!,
      }));
      tell(cli, { exports, readOnly, ...(path === undefined ? {} : { socket: path }), ...portOf(first!) });
      return disks;
    },
  });
}

interface Serving {
  exports: readonly { name: string; uri: string; image: ImageArtifact }[];
  readOnly: boolean;
  socket?: string;
  port?: number;
}

function tell({ flags, terminal }: Cli, serving: Serving): void {
  const { exports } = serving;
  const { uri, image } = exports[0]!;
  if (flags.json) {
    terminal.out(JSON.stringify({ schema: "tplgraph.serve/1", uri, image, ...serving }));
    return;
  }
  for (const one of exports) terminal.out(one.uri);
  terminal.err(howToUse(serving));
}

function portOf({ port }: Disk): { port?: number } {
  return port === undefined ? {} : { port };
}

/** NBD's URI specification: the export's name is the path. Without a name it is the only export. */
function uriOf(name: string, at: { socket: string } | { port: number }): string {
  const path = encodeURIComponent(name);
  return "socket" in at
    ? `nbd+unix:///${path}?socket=${encodeURI(at.socket)}`
    : `nbd://127.0.0.1:${at.port}/${path}`;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError("a port is a number from 0 to 65535");
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

function howToUse({ exports, readOnly, port }: Serving): string {
  const { uri } = exports[0]!;
  const names = exports.map(({ name }) => printable(name)).join(", ");
  return [
    `serving ${names} ${readOnly ? "read-only" : "read-write"}; Ctrl-C ends it`,
    ...(port === undefined ? [] : [`on port ${port} of 127.0.0.1, for every user of this machine`]),
    `  nbdinfo '${uri}'`,
    `  nbdcopy '${uri}' FILE`,
    `  qemu-system-x86_64 … -drive 'file=${uri},format=raw,if=virtio${readOnly ? ",readonly=on" : ""}'`,
    ...(readOnly ? [] : ["what clients write is gone when it ends"]),
  ].join("\n");
}
