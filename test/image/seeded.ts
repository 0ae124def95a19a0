/** Random numbers that are the same in every run (mulberry32), so that a failure can be looked at again. */
export interface Seeded {
  /** A whole number in `[0, end)`. */
  below(end: number): number;
  bytes(length: number): Buffer;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (end) => next() % end,
    bytes: (length) => {
      const bytes = Buffer.alloc(length);
      for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(next(), at);
      return bytes;
    },
  };
}
