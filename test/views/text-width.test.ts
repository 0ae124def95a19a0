import { describe, expect, it } from "vitest";
import { cutToWidth, padToWidth, printable, textWidth } from "../../src/views/text-width.ts";

describe("textWidth", () => {
  it.each([
    ["plain", 5],
    ["漢字", 4],
    ["e\u0301", 1],
    ["👩‍👩‍👧", 2],
    ["한글", 4],
    ["\u001b[31mred\u001b[39m", 3],
    ["", 0],
  ])("%j takes %i columns", (text, columns) => expect(textWidth(text)).toBe(columns));
});

describe("cutToWidth", () => {
  it.each([
    ["short", 10, "short"],
    ["exactly", 7, "exactly"],
    ["too long", 5, "too …"],
    ["漢字漢字", 5, "漢字…"],
    ["漢字漢字", 4, "漢…"],
    ["anything", 0, ""],
  ])("%j in %i columns is %j", (text, columns, cut) => {
    expect(cutToWidth(text, columns)).toBe(cut);
    expect(textWidth(cutToWidth(text, columns))).toBeLessThanOrEqual(Math.max(columns, 0));
  });
});

it("pads by columns, not by characters", () => expect(padToWidth("漢", 4)).toBe("漢  "));

it("leaves nothing that steers a terminal", () => {
  expect(printable("\u001b[2Ja\u001b]0;title\u0007b\tc\rd\u0007\u202ee\u009b1m")).not.toMatch(
    /[\u0000-\u001f\u007f-\u009f\u202e]/,
  );
  expect(printable("\u001b[1mbold\u001b[0m")).toBe("bold");
});
