import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { toolVersion } from "../../../src/engine/key/tool-version.ts";
import { memoryStore } from "../../../src/testing/memory-store.ts";

test.for([
  ["before", "echo 'tool: invalid option' >&2; sleep 0.05; echo 'tool 1.47.0'"],
  ["after", "echo 'tool 1.47.0'; sleep 0.05; echo 'tool: invalid option' >&2"],
])("a tool that complains %s it tells its version has that version", async ([, script]) => {
  const folder = mkdtempSync(join(tmpdir(), "tplgraph-tool-"));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, "odd-tool"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "odd-tool"), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  expect(await toolVersion("odd-tool", ["-V"], memoryStore().facts)).toBe("tool 1.47.0");
});
