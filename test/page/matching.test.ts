import { expect, it } from "vitest";
import { matches } from "../../src/page/matching.ts";
import type { DrawnNode } from "../../src/views/graph/document.ts";

const node: DrawnNode = {
  id: "base/Disk",
  uses: "ext4/mkfs",
  kind: "artifact",
  needs: [],
  inputs: {},
  where: { file: "t.yaml", line: 1 },
  state: "miss",
  why: "never built",
};
const all = { selected: undefined, search: "", states: new Set<"miss" | "hit">(), differing: false };

it("finds every word in name, type or reason, in any case and order", () => {
  for (const search of ["", "disk", "MKFS base", "never ext4"])
    expect(matches(node, { ...all, search }, new Set())).toBe(true);
  expect(matches(node, { ...all, search: "disk fsck" }, new Set())).toBe(false);
});

it("keeps the states that were asked for, and what differs", () => {
  expect(matches(node, { ...all, states: new Set(["miss"]) }, new Set())).toBe(true);
  expect(matches(node, { ...all, states: new Set(["hit"]) }, new Set())).toBe(false);
  expect(matches(node, { ...all, differing: true }, new Set())).toBe(false);
  expect(matches(node, { ...all, differing: true }, new Set(["base/Disk"]))).toBe(true);
});
