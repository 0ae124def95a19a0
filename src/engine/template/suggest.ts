/** "Did you mean": the known word that a misspelt one is nearest to. */

/** The nearest of `known`, when no more than a third of its letters differ; case counts for little. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of known) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    const limit = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
    if (edits <= limit && edits < (best?.edits ?? Number.POSITIVE_INFINITY)) best = { candidate, edits };
  }
  return best?.candidate;
}

/** For a hint: `did you mean "x"?` where something is near, else what there is. */
export function suggestOrList(word: string, known: Iterable<string>, what: string): string {
  const names = [...known];
  const near = suggest(word, names);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (names.length === 0) return `there are no ${what}`;
  const more = names.length > LISTED ? `, and ${names.length - LISTED} more` : "";
  return `${what}: ${names.slice(0, LISTED).join(", ")}${more}`;
}

const LISTED = 20;

/** Damerau–Levenshtein in its restricted form: insert, remove, replace, swap two neighbours; each costs one. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
