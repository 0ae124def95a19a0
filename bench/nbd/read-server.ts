/**
 * An image that many clients read, as `tplgraph serve` and programs of others have it: by the disk host, from the built
 * code. Told what by its arguments, as JSON (`ReadServerArguments`); prints the URI. Ends when stdin does.
 */
import { openDisks, openStore } from "../../dist/nbd.js";
import type { ImageArtifact } from "../../src/engine/artifact.ts";

export interface ReadServerArguments {
  store: string;
  image: ImageArtifact;
}

const { store: path, image }: ReadServerArguments = JSON.parse(process.argv[2]!);

await using store = await openStore({ path });
await using disks = await openDisks({ store });
const { uri } = await disks.open({ image, readOnly: true, parallel: true });
process.stdout.write(`${uri}\n`);
for await (const _ of process.stdin);
