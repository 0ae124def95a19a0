import { expect, it } from "vitest";
import { cpioArchive } from "../../src/vm/cpio.ts";

it("writes newc entries, aligned to four bytes, with a trailer", () => {
  const archive = cpioArchive([
    { path: "bin", kind: "dir", mode: 0o755 },
    { path: "bin/sh", kind: "file", mode: 0o755, data: "hello" },
  ]);
  const text = archive.toString("latin1");
  const second = text.indexOf("070701", 6);
  expect(second % 4).toBe(0);
  expect(text.slice(14, 22)).toBe("000041ed");
  expect(text.slice(second + 54, second + 62)).toBe("00000005");
  expect(text.slice(second + 110, second + 117)).toBe("bin/sh\0");
  expect(archive.length % 4).toBe(0);
  expect(text).toContain("TRAILER!!!\0");
});
