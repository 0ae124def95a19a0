import { describe, expect, it } from "vitest";
import { canonicalJson, dataDigest } from "../../../src/engine/key/canonical.ts";
import { explainMiss } from "../../../src/engine/key/explain.ts";
import type { KeyPreimage } from "../../../src/engine/key/preimage.ts";

describe("canonical JSON", () => {
  it("does not depend on the order of keys", () => {
    expect(canonicalJson({ b: 1, a: { d: [], c: null } })).toBe('{"a":{"c":null,"d":[]},"b":1}');
  });
  it.each([
    [["a b"], ["a", "b"]],
    ["1", 1],
    [null, "null"],
    [{ a: [] }, { a: {} }],
  ])("tells %j from %j", (one, other) => {
    expect(dataDigest(one)).not.toBe(dataDigest(other));
  });
  it("refuses what JSON has no word for", () => {
    expect(() => canonicalJson(Number.NaN)).toThrow("bug");
  });
});

describe("explaining a miss", () => {
  const before: KeyPreimage = {
    schema: "tplgraph.key/1",
    uses: "ext4/mkfs",
    implementation: "1.0.0",
    with: { sizeMiB: 1024, label: "root" },
    inputs: { image: "sha256:aa" },
    resolved: {},
    tools: { mke2fs: "1.47.0" },
    platform: {},
    salt: "",
  };
  it.each<[string, Partial<KeyPreimage>, string, string]>([
    ["a parameter", { with: { sizeMiB: 2048, label: "root" } }, "params-changed", "with.sizeMiB"],
    ["an input", { inputs: { image: "sha256:bb" } }, "input-changed", "inputs.image"],
    ["a file behind a path", { resolved: { script: "sha256:cc" } }, "input-changed", "resolved.script"],
    ["the code", { implementation: "1.0.1" }, "step-changed", "implementation"],
    ["a tool", { tools: { mke2fs: "1.47.1" } }, "tool-changed", "tools.mke2fs"],
  ])("by %s", (_, change, code, path) => {
    const reason = explainMiss(before, { ...before, ...change });
    expect(reason.code).toBe(code);
    expect(reason.changed.map((one) => one.path)).toEqual([path]);
  });
});
