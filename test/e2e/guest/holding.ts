/** Holds a mounted disk until it is killed. Argument: the store. Says in a line of JSON what it holds. */
import { openDisks, openStore } from "../../../src/nbd.ts";

const store = await openStore({ path: process.argv[2]! });
const disks = await openDisks({ store });
const disk = await disks.open({ sizeBytes: 16 * 1024 * 1024 });
console.log(JSON.stringify({ run: disks.run, device: await disk.device() }));
process.stdin.resume();
