import { expect, it } from "vitest";
import { build, start, store } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

it("a resumed machine that is told to end says so, and leaves nothing", async () => {
  await build(["templates/python.yaml"]);
  const run = start(["resume", "python:latest"]);
  run.child.stderr!.on("data", (text: Buffer) => {
    if (text.toString().includes("the machine runs")) run.child.kill("SIGINT");
  });
  const { exitCode, stderr } = await run.done;
  expect(stderr).toContain("interrupted: ending the machine");
  expect(exitCode).toBe(130);
  expect(leftovers(store)).toEqual([]);
}, 900_000);
