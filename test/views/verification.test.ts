import { expect, it } from "vitest";
import type { Verdict } from "../../src/engine/run/verify.ts";
import { verdictText, verificationSummary } from "../../src/views/verification.ts";

const image = (digit: string) =>
  ({ type: "image", digest: `sha256:${digit.repeat(64)}`, bytes: 4096 }) as const;
const output = { name: "image", stored: image("a"), rebuilt: image("b") };
const about = { node: "grown", uses: "ext4/resize", seconds: 1.5 };
const error = { code: "tool-failed", message: "e2fsck exited 8\u001b[31m", name: "ToolError" };

it("tells of each step in a line", () => {
  const verdicts: Verdict[] = [
    { ...about, status: "same" },
    { ...about, status: "not-reproducible" },
    { ...about, status: "failed", error },
  ];
  expect(verdicts.map((verdict) => verdictText(verdict))).toEqual([
    "verify grown: same bytes (1.5s)",
    "verify grown: not built again: its step type says that it is not reproducible",
    expect.stringMatching(/^verify grown: failed: e2fsck exited 8[^\u001b]* \(1\.5s\)$/),
  ]);
});

it("tells what differs and where, and what it comes to", () => {
  const verdicts: Verdict[] = [
    { ...about, status: "differs", outputs: [output] },
    { ...about, status: "failed", error },
  ];
  expect(verificationSummary(verdicts, () => "from byte 1 to 2: /etc/hosts").split("\n")).toEqual([
    "grown (ext4/resize): image differs from byte 1 to 2: /etc/hosts (sha256:aaaaaaaaaaaa stored, sha256:bbbbbbbbbbbb built again)",
    "verified: 0 the same, 1 different, 1 failed",
  ]);
});
