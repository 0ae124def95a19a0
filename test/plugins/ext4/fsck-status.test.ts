import { describe, expect, it } from "vitest";
import { type FsckEnd, fsckVerdict } from "../../../src/plugins/ext4/fsck-status.ts";

describe("e2fsck's exit status", () => {
  it.each<[end: FsckEnd, corrected: boolean]>([
    [{ exitCode: 0 }, false],
    [{ exitCode: 1 }, true],
    [{ exitCode: 2 }, true],
    [{ exitCode: 3 }, true],
  ])("%o is healthy, corrected: %s", (end, corrected) => {
    expect(fsckVerdict(end)).toEqual({ healthy: true, corrected });
  });

  it.each<[end: FsckEnd, uncorrected: boolean, reasons: RegExp[]]>([
    [{ exitCode: 4 }, true, [/uncorrected/]],
    [{ exitCode: 5 }, true, [/uncorrected/]],
    [{ exitCode: 8 }, false, [/operational/]],
    [{ exitCode: 12 }, true, [/uncorrected/, /operational/]],
    [{ exitCode: 16 }, false, [/called wrongly/]],
    [{ exitCode: 32 }, false, [/cancelled/]],
    [{ exitCode: 33 }, false, [/cancelled/]],
    [{ exitCode: 128 }, false, [/library/]],
    [{ exitCode: 64 }, false, [/unknown status \(64\)/]],
    [{ exitCode: null, signal: "SIGKILL" }, false, [/killed by SIGKILL/]],
    [{ exitCode: null }, false, [/could not be started/]],
  ])("%o is not healthy, uncorrected: %s", (end, uncorrected, reasons) => {
    const verdict = fsckVerdict(end);
    expect(verdict).toMatchObject({ healthy: false, uncorrected });
    expect((verdict as { reasons: string[] }).reasons).toEqual(
      reasons.map((reason) => expect.stringMatching(reason)),
    );
  });
});
