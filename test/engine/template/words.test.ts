import { describe, expect, it } from "vitest";
import { parseDuration } from "../../../src/engine/template/duration.ts";
import { parseText } from "../../../src/engine/template/reference.ts";
import { suggest } from "../../../src/engine/template/suggest.ts";

describe("parseDuration", () => {
  it.each([
    ["90s", 90_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["1h2m3s4ms", 3_723_004],
    ["250ms", 250],
  ])("%s is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "10", "0s", "1.5h", "-1s", "30m1h", "1d", "25d", "700h", "1m 2s"])("%j is none", (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});

describe("suggest", () => {
  it.each([
    ["sizeMib", "sizeMiB"],
    ["lable", "label"],
    ["imgae", "image"],
    ["fs/mkfz", "fs/mkfs"],
  ])("%s: %s", (word, near) => expect(suggest(word, ["sizeMiB", "label", "image", "fs/mkfs"])).toBe(near));

  it("says nothing where nothing is near", () => {
    expect(suggest("colour", ["sizeMiB", "label"])).toBeUndefined();
    expect(suggest("x", [])).toBeUndefined();
  });
});

describe("parseText", () => {
  it("tells a whole value from a text", () => {
    const reference = { to: "step", step: "a-1", output: "facts", path: ["x", "y"] };
    expect(parseText(" ${{ steps.a-1.facts.x.y }}\n").parts).toEqual([reference]);
    expect(parseText("${{params.a}}${{ params.b }}").parts).toEqual([
      { to: "param", param: "a" },
      { to: "param", param: "b" },
    ]);
    expect(parseText("no $reference {{ here }}").parts).toEqual(["no $reference {{ here }}"]);
  });
});
