/**
 * A blob that is put again is new to garbage collection. Its time is renewed only when it is older than this:
 * collection spares far younger ones.
 */
export const FRESH_MS = 10 * 60_000;
