/** What flows along an edge, in words, and where there is room to write it. Nothing of Node here. */
import type { Pair } from "./edges.ts";

/** Above this many edges, words on them would hide more than they tell. */
const MOST_LABELLED = 60;

/** How many columns of text the gap behind a step has room for. */
export const LABEL_COLUMNS = 11;

export function isLabelled(edges: readonly Pair[]): boolean {
  return edges.length <= MOST_LABELLED;
}

/** `image: disk → files`; of steps that are only ordered, `disk before files`. */
export function flowText({ from, to, outputs }: Pair): string {
  return outputs.length === 0 ? `${from} before ${to}` : `${outputs.join(", ")}: ${from} → ${to}`;
}

export interface Point {
  x: number;
  y: number;
}

/**
 * Where a curve of cubic Bézier pieces (a point, then three for each piece) is `ahead` to the right of its beginning;
 * where it does not get so far, half of the way.
 */
export function pointAhead(curve: readonly Point[], ahead: number): Point {
  const target = curve[0]!.x + Math.min(ahead, (curve.at(-1)!.x - curve[0]!.x) / 2);
  for (let piece = 0; piece + 3 < curve.length; piece += 3)
    for (let step = 0; step <= STEPS; step++) {
      const point = bezier(curve.slice(piece, piece + 4), step / STEPS);
      if (point.x >= target) return point;
    }
  return curve.at(-1)!;
}

const STEPS = 64;

function bezier(points: readonly Point[], t: number): Point {
  const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3];
  const at = (axis: "x" | "y") =>
    a * points[0]![axis] + b * points[1]![axis] + c * points[2]![axis] + d * points[3]![axis];
  return { x: at("x"), y: at("y") };
}
