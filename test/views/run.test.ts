import { describe, expect, it } from "vitest";
import { ToolError, TplError } from "../../src/engine/errors.ts";
import { artifactsTable } from "../../src/views/artifacts-table.ts";
import { cleanupFailures, errorText, failedStep } from "../../src/views/error.ts";
import { runsTable } from "../../src/views/runs-table.ts";
import { runSummary } from "../../src/views/summary.ts";
import { textWidth } from "../../src/views/text-width.ts";
import { DIGEST, recordOf } from "./fixtures.ts";

describe("summary", () => {
  it("tells outputs with their refs, counts, where the time went, and the next command", () => {
    const text = runSummary(
      recordOf({
        counts: { hit: 3, built: 2, failed: 0, cancelled: 0, skipped: 0 },
        nodes: {
          files: { status: "built", key: "k", seconds: 20, addedBytes: 3 * 2 ** 20 },
          machine: { status: "built", key: "k", seconds: 40 },
          disk: { status: "hit", key: "k", seconds: 0 },
        },
        outputs: {
          rootfs: { type: "image", digest: DIGEST, bytes: 2 ** 31 },
          snapshot: { type: "snapshot", digest: DIGEST, bytes: 3 * 2 ** 30 },
        },
        refs: ["lab:latest"],
        addedBytes: 3 * 2 ** 20,
      }),
      { uses: new Map([["files", "rsync/copy"]]) },
    );
    expect(text).toContain("2 built, 3 cached in 1m 12s, 3 MiB stored (run r1)");
    expect(text).toMatch(/rootfs +image +2 GiB +sha256:abababababab +lab:latest#rootfs/);
    expect(text).toMatch(/machine +40\.0s +█{24}\n +files +rsync\/copy +20\.0s +3 MiB +█{12}\n/);
    expect(text).toContain("tplgraph resume lab:latest\n  tplgraph artifacts export lab:latest -o lab.ext4");
  });

  it("names a matrix's outputs as their instances have them", () => {
    const rootfs = { type: "image", digest: DIGEST, bytes: 2 ** 20 } as const;
    const instance = { params: { size: 1 }, outputs: { rootfs }, refs: ["lab:size-1"] };
    const text = runSummary(
      recordOf({ outputs: { "rootfs[size=1]": rootfs }, instances: { "size=1": instance } }),
    );
    expect(text).toMatch(/rootfs\[size=1\] +image +1 MiB +sha256:abababababab +lab:size-1#rootfs/);
    expect(text).toContain("tplgraph artifacts export lab:size-1 -o lab.ext4");
  });

  it("lists the first hundred of very many outputs, and says where all are", () => {
    const rootfs = { type: "image", digest: DIGEST, bytes: 2 ** 20 } as const;
    const outputs = Object.fromEntries(Array.from({ length: 103 }, (_, i) => [`rootfs${i}`, rootfs]));
    const lines = runSummary(recordOf({ outputs })).split("\n");
    expect(lines.filter((line) => line.startsWith("  rootfs"))).toHaveLength(100);
    expect(lines).toContain("  and 3 more: tplgraph runs show r1 --json");
  });

  it("fits in a narrow window, without types and digests", () => {
    const built = { status: "built" as const, key: "k", seconds: 20, addedBytes: 3 * 2 ** 20 };
    const rootfs = { type: "image", digest: DIGEST, bytes: 2 ** 20 } as const;
    const record = recordOf({
      counts: { hit: 0, built: 1, failed: 0, cancelled: 0, skipped: 0 },
      nodes: { "a-step-with-a-name": built },
      outputs: { rootfs },
      refs: ["a:latest"],
    });
    const uses = new Map([["a-step-with-a-name", "lab/step"]]);
    const lines = runSummary(record, { columns: 40, uses }).split("\n");
    for (const line of lines.slice(0, -1)) expect(textWidth(line)).toBeLessThanOrEqual(40);
    expect(lines).toContain("  a-step-with-a-name  20.0s  3 MiB");
    expect(lines).toContain("  rootfs  image  1 MiB  a:latest#rootfs");
  });

  it("says of bytes that the store had already that nothing is new, and of a record without a count nothing", () => {
    const counts = { hit: 0, built: 1, failed: 0, cancelled: 0, skipped: 0 };
    expect(runSummary(recordOf({ counts, addedBytes: 0 }))).toContain("1m 12s, nothing new stored (run r1)");
    expect(runSummary(recordOf({ counts }))).toContain("1 built in 1m 12s (run r1)");
  });

  it("of a cached run says so and has no table of times", () => {
    const counts = { hit: 3, built: 0, failed: 0, cancelled: 0, skipped: 0 };
    expect(runSummary(recordOf({ counts, seconds: 0.1 }))).toBe("lab  3 steps, all cached, in 0.1s");
  });
});

describe("errors", () => {
  const tool = new ToolError({
    code: "tool-failed",
    message: "resize2fs exited 1",
    hint: "give it more room",
    command: ["resize2fs", "a b.img", "40M"],
    exitCode: 1,
    signal: null,
    lastLines: ["first", "\u001b[31mlast"],
  });

  it("of a step: its type, the command line, the exit status, the last lines, the log", () => {
    const { command, exitCode, lastLines, code, message, hint } = tool;
    const error = { code, message, hint: hint!, command, exitCode, lastLines };
    expect(
      failedStep({ node: "small", uses: "ext4/resize", error, logPath: "/l/small.log" }).split("\n"),
    ).toEqual([
      'error: step "small" (ext4/resize) failed: resize2fs exited 1',
      "  command: resize2fs 'a b.img' 40M",
      "  exit status: 1",
      "  last lines:",
      "    | first",
      "    | last",
      "  log: /l/small.log",
      "  hint: give it more room",
    ]);
  });

  it("outside a step: the code and the hint, and no stack unless asked for", () => {
    const error = new TplError({ code: "unknown-ref", message: "nothing is named x", hint: "look" });
    expect(errorText(error)).toBe("error unknown-ref: nothing is named x\n  hint: look");
    expect(errorText(error, { detail: "stack" })).toMatch(/^ +at /m);
    expect(errorText(new Error("bug: broken"))).toMatch(
      /a fault of tplgraph.*bug: broken\n +hint: --log-level debug/,
    );
  });

  it("of cleanup are all told", () => {
    const error = { code: "busy", message: "still mounted" };
    expect(cleanupFailures([{ node: "a", hook: "release mount /x", error }])).toContain(
      "not released: a: release mount /x: still mounted",
    );
  });
});

it("lists runs, with what made one fail", () => {
  const nodes = {
    small: { status: "failed" as const, key: null, seconds: 1, error: { code: "x", message: "exited 1" } },
  };
  const run = { run: "r1", template: "lab", at: "2026-01-01T10:20:30.000Z", state: "failed" as const };
  expect(runsTable([{ ...run, record: recordOf({ nodes, ok: false }) }])).toMatch(
    /r1 +failed +lab +2026-01-01 10:20 +small: exited 1/,
  );
});

it("lists artifacts with their names and makers", () => {
  const producer = { key: "k", node: "files", output: "image", run: "r1", at: "2026-01-01T10:20:30.000Z" };
  const artifact = { type: "image" as const, digest: DIGEST, bytes: 1024 };
  expect(artifactsTable([{ artifact, refs: ["lab:latest#rootfs"], producers: [producer] }])).toMatch(
    /sha256:abababababab +image +1 KiB +files 2026-01-01 10:20 +lab:latest#rootfs/,
  );
});
