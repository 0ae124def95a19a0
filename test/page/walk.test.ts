import { expect, it } from "vitest";
import { type Direction, neighbour, type Place } from "../../src/page/walk.ts";

//  a ─┬▶ b ─┬▶ d
//     └▶ c ─┘
const place = (id: string, x: number, y: number, needs: string[], readers: string[]): [string, Place] => [
  id,
  { id, x, y, needs, readers },
];
const places = new Map([
  place("a", 0, 50, [], ["b", "c"]),
  place("b", 200, 0, ["a"], ["d"]),
  place("c", 200, 90, ["a"], ["d"]),
  place("d", 400, 60, ["b", "c"], []),
]);
const walk = (from: string, ...path: Direction[]) =>
  path.reduce<string | undefined>((at, to) => at && neighbour(places.get(at)!, to, places)?.id, from);

it("goes along edges to the left and right, to the closest", () => {
  expect(walk("a", "right")).toBe("c");
  expect(walk("a", "right", "right")).toBe("d");
  expect(walk("d", "left")).toBe("c");
});

it("goes up and down in a column, whatever the edges are", () => {
  expect(walk("b", "down")).toBe("c");
  expect(walk("c", "up")).toBe("b");
});

it("leaves a column that ends for what stands beyond, and stops at the border", () => {
  expect(walk("a", "down")).toBe("c");
  expect(walk("c", "down")).toBeUndefined();
  expect(walk("a", "left")).toBeUndefined();
});
