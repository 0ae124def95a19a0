/** A folder that is gone when the test is done. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export function scratchFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "tplgraph-store-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
