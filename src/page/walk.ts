/** Walking a drawn graph with the arrow keys: to the left and right along edges, up and down to what stands there. */

export type Direction = "left" | "right" | "up" | "down";

export interface Place {
  id: string;
  /** The middle of its box. */
  x: number;
  y: number;
  needs: readonly string[];
  readers: readonly string[];
}

/**
 * Where a step in `direction` leads: left, to the closest of what `from` needs; right, to the closest that reads it;
 * up and down, to the closest of what overlaps its column, or else to the closest in that half. Undefined at an end.
 */
export function neighbour(
  from: Place,
  direction: Direction,
  places: ReadonlyMap<string, Place>,
): Place | undefined {
  if (direction === "left") return closest(from, pick(from.needs, places));
  if (direction === "right") return closest(from, pick(from.readers, places));
  const sign = direction === "up" ? -1 : 1;
  const beyond = [...places.values()].filter((place) => (place.y - from.y) * sign > 1);
  const column = beyond.filter((place) => Math.abs(place.x - from.x) < COLUMN_PX);
  return closest(from, column.length > 0 ? column : beyond);
}

const COLUMN_PX = 130;

function pick(ids: readonly string[], places: ReadonlyMap<string, Place>): Place[] {
  return ids.flatMap((id) => places.get(id) ?? []);
}

function closest(from: Place, places: readonly Place[]): Place | undefined {
  const distance = (place: Place) => Math.hypot(place.x - from.x, (place.y - from.y) * 2);
  let best: Place | undefined;
  for (const place of places) if (!best || distance(place) < distance(best)) best = place;
  return best;
}
