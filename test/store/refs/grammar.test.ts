import { describe, expect, test } from "vitest";
import { parseRef } from "../../../src/store/refs/grammar.ts";

const HEX = "0123456789abcdef".repeat(4);

describe("a ref", () => {
  test.for([
    ["python", { kind: "name", name: "python", tag: "latest" }],
    ["python:3.13", { kind: "name", name: "python", tag: "3.13" }],
    ["team/python-3_x.y:V1", { kind: "name", name: "team/python-3_x.y", tag: "V1" }],
    ["base:latest#rootfs", { kind: "name", name: "base", tag: "latest", output: "rootfs" }],
    ["base#rootfs", { kind: "name", name: "base", tag: "latest", output: "rootfs" }],
    [`sha256:${HEX}`, { kind: "digest", prefix: `sha256:${HEX}` }],
    ["sha256:01234567", { kind: "digest", prefix: "sha256:01234567" }],
  ] as const)("%s is understood", ([text, expected]) => {
    expect(parseRef(text)).toEqual(expected);
  });

  test.for([
    "",
    ":",
    "python:",
    "Python",
    "-python",
    ".hidden",
    "..",
    "../../etc/passwd",
    "a//b",
    "/a",
    "a/",
    "a/../b",
    "a/b.json",
    "a:b:c",
    "a:../b",
    "a:b/c",
    "a#",
    "a#../b",
    "a b",
    "a\nb",
    "a\0b",
    "sha256:0123",
    `sha256:${HEX}0`,
    "sha256:XYZ45678",
    "a".repeat(129),
    Array(20).fill("a".repeat(20)).join("/"),
  ])("%j is refused", (text) => {
    expect(() => parseRef(text)).toThrow(expect.objectContaining({ code: "bad-ref" }));
  });
});
