/**
 * How much garbage this process lets lie. V8 lets its young generation grow to 32 MiB and beyond, three times over, and
 * the old one to four times what was alive in it the last time it looked. For a command that lives for a second that is
 * the fastest; with a graph of 100,000 steps, of which nearly all stays to the end, it takes twice the memory.
 */
/** From here on V8 works with the young generation it has, and collects the old one when it has grown by `PERCENT`. */
export function beFrugal(): void {
  // An import would be made by every command: the bundle's are all at its head.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString(`--heap-growing-percent=${PERCENT}`);
}

const PERCENT = 60;
