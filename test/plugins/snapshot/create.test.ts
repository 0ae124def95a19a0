import { describe, expect, it } from "vitest";
import { portInfo } from "../../../src/engine/plugin/port.ts";
import { create } from "../../../src/plugins/snapshot/create.ts";
import { waitUntilReady } from "../../../src/plugins/snapshot/ready.ts";
import { stepBench } from "../../../src/testing/step.ts";
import type { Agent, ExecResult } from "../../../src/vm/agent.ts";

const image = { type: "image", digest: `sha256:${"0".repeat(64)}`, bytes: 1 << 20 };

describe("snapshot/create", () => {
  it.each<[fault: string, inputs: Record<string, unknown>]>([
    ["cpus: Too small: expected number to be >=1", { cpus: 0 }],
    ["ready: Invalid input", { ready: { command: "true", log: "up" } }],
    ["start: Too small: expected string to have >=1 characters", { start: "" }],
  ])("says %s", async (fault, inputs) => {
    await using bench = await stepBench();
    expect(bench.faults(create, { image, ...inputs })).toEqual([fault]);
  });

  it("takes no regular expression that is none", async () => {
    await using bench = await stepBench();
    expect(bench.faults(create, { image, ready: { log: "(" } })).not.toEqual([]);
    expect(bench.faults(create, { image, ready: { log: "^up$" } })).toEqual([]);
  });

  it("leaves its time limit alone out of the key", () => {
    const unkeyed = Object.entries(create.inputs).filter(([, schema]) => portInfo(schema).unkeyed);
    expect(unkeyed.map(([name]) => name)).toEqual(["timeoutSeconds"]);
  });
});

/** A guest that answers with these, in turn. */
function guest(...answers: Partial<ExecResult>[]): Agent & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async exec(command) {
      asked.push(command);
      return { exitCode: 0, stdout: Buffer.from(""), stderr: Buffer.from(""), ...answers.shift() };
    },
  };
}

const signal = new AbortController().signal;

describe("readiness", () => {
  it("is a command that succeeds", async () => {
    const agent = guest({ exitCode: 0 });
    await waitUntilReady(agent, { ready: { command: "curl -f localhost" }, deadlineMs: 5000, signal });
    expect(agent.asked).toEqual(["curl -f localhost"]);
  });

  it("is a line of the start command's log", async () => {
    const agent = guest({ stdout: Buffer.from("starting\nlistening on 80\n") });
    await waitUntilReady(agent, { ready: { log: "^listening on \\d+$" }, deadlineMs: 5000, signal });
    expect(agent.asked).toHaveLength(1);
  });

  it("that does not come ends with the last answer", async () => {
    const agent = guest({ exitCode: 1, stderr: Buffer.from("connection refused\n") });
    const waiting = waitUntilReady(agent, { ready: { command: "ask" }, deadlineMs: 0, signal });
    await expect(waiting).rejects.toMatchObject({ code: "vm-not-ready", lastLines: ["connection refused"] });
  });

  it("is not waited for in a build that is cancelled", async () => {
    const cancelled = AbortSignal.abort(new Error("cancelled"));
    const agent = guest({ exitCode: 1 });
    const waiting = waitUntilReady(agent, {
      ready: { command: "ask" },
      deadlineMs: 60_000,
      signal: cancelled,
    });
    await expect(waiting).rejects.toThrow("cancelled");
  });
});
