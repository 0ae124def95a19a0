import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Finding, StepContext } from "../../../src/engine/plugin/context.ts";
import { Scope } from "../../../src/engine/run/scope.ts";
import type { Services } from "../../../src/engine/run/services.ts";
import { openStepContext } from "../../../src/engine/run/step-context.ts";
import { memoryStore } from "../../../src/testing/memory-store.ts";

const clean: Finding = {
  what: "clean",
  artifact: `sha256:${"1".repeat(64)}`,
  tool: ["checker", "--version"],
};

const path = process.env.PATH;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "findings-"));
  process.env.PATH = `${folder}:${path}`;
});

afterEach(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true });
});

function checker(body: string): void {
  writeFileSync(join(folder, "checker"), `#!/bin/sh\n${body}\n`);
  chmodSync(join(folder, "checker"), 0o755);
}

function stepOf(store = memoryStore()): Pick<StepContext, "hasFound" | "noteFound"> {
  const nothing = () => undefined;
  return openStepContext({
    ...{ run: "r", node: "n", inputs: {}, resolved: {}, folder, signal: new AbortController().signal },
    ...{ scope: new Scope("n"), store, services: {} as Services },
    ...{
      onLog: nothing,
      onTool: () => nothing,
      onProgress: nothing,
      onAcquired: nothing,
      onReleased: nothing,
    },
  }).step;
}

describe("what a step found", () => {
  it("is known to later ones, of that artifact and of that kind", async () => {
    checker("echo checker 1.0");
    const store = memoryStore();
    expect(await stepOf(store).hasFound(clean)).toBe(false);
    await stepOf(store).noteFound(clean);
    expect(await stepOf(store).hasFound(clean)).toBe(true);
    expect(await stepOf(store).hasFound({ ...clean, what: "small" })).toBe(false);
    expect(await stepOf(store).hasFound({ ...clean, artifact: `sha256:${"2".repeat(64)}` })).toBe(false);
  });

  it("holds as long as the tool has the same version", async () => {
    checker("echo checker 1.0");
    const store = memoryStore();
    await stepOf(store).noteFound(clean);
    checker("echo checker 1.0.1");
    expect(await stepOf(store).hasFound(clean)).toBe(false);
    checker("echo checker 1.0 # again");
    expect(await stepOf(store).hasFound(clean)).toBe(true);
  });

  it("is forgotten where the tool does not tell its version, or is not there", async () => {
    const step = stepOf();
    await step.noteFound(clean);
    expect(await step.hasFound(clean)).toBe(false);
    checker("exit 3");
    await step.noteFound(clean);
    expect(await step.hasFound(clean)).toBe(false);
  });
});
