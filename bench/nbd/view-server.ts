/**
 * A copy-on-write view of an image, served over NBD by a process of its own, as the disk host does it: from the built
 * code. Told what by its arguments, as JSON (`ViewServerArguments`), and then line by line on stdin: `peak` prints the
 * most memory it had in bytes, `seal` stores what the view shows and prints the image. Ends when stdin does.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { emptyMap, loadMap, NbdServer, openView } from "../../dist/image/index.js";
import { openStore } from "../../dist/store/store.js";
import type { ImageArtifact } from "../../src/engine/artifact.ts";

export interface ViewServerArguments {
  store: string;
  /** Without it, a disk of zeros of `sizeBytes`. */
  image?: ImageArtifact;
  sizeBytes: number;
  socket: string;
  overlay: string;
}

const { store: path, image, sizeBytes, socket, overlay }: ViewServerArguments = JSON.parse(process.argv[2]!);

await using store = await openStore({ path });
const map = image ? await loadMap(store.blobs, image) : emptyMap(sizeBytes);
const view = await openView({ blobs: store.blobs, map, overlayPath: overlay });
const server = new NbdServer({ log: (line) => process.stderr.write(`${line}\n`) });
server.addExport("", view);
await server.listen(socket);
say("serving");
for await (const line of createInterface(process.stdin)) {
  if (line === "seal") say(JSON.stringify(await view.seal()));
  else say(String(peakBytes()));
}
await server.close();
await view.close();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** `VmHWM` in proc(5): what stood in memory at most, of code, heap and buffers. */
function peakBytes(): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  return Number(kib) * 1024;
}
