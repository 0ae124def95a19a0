/**
 * A run that holds all a run can hold, as a process to be killed: a mounted disk with a tool busy in it, a
 * writer, a scratch folder. Arguments: the store. Says what it holds in one line of JSON on stdout, then waits;
 * each line on stdin makes it seal a small disk and print the image.
 */
import { createInterface } from "node:readline";
import { runTool } from "../../../src/engine/run/tool.ts";
import { startServices } from "./services.ts";

process.on("SIGINT", () => {}); // as the command line does, which then cancels the build

const services = await startServices(process.argv[2]!);
const { run } = services;
const tool = (name: string, args: string[]) =>
  runTool({ run, signal: new AbortController().signal, log: () => {} }, name, args);

const { disk } = await services.openDisk("holds", { sizeBytes: 64 * 1024 * 1024 });
await tool("mkfs.ext4", ["-q", await disk.file()]);
const path = await disk.mount();
const scratch = `${services.runFolder}/s-test`;
await services.journal.take("holds", { kind: "folder", path: scratch });
await tool("sh", ["-c", `mkdir ${scratch} && echo x > ${scratch}/file`]);
// Ignores SIGTERM, and holds the mount by its working directory and an open file.
const busy = `trap "" TERM; cd ${path}; exec 3> open; while :; do echo x >&3; sleep 0.05; done`;
tool("sh", ["-c", busy]).catch(() => {});

console.log(JSON.stringify({ run, path, device: await disk.device() }));

for await (const _ of createInterface(process.stdin)) {
  const { disk } = await services.openDisk("seals", { sizeBytes: 1024 * 1024 });
  console.log(JSON.stringify(await disk.seal()));
}
