/** What came of building steps again, in words. */
import type { DifferingOutput, Verdict } from "../engine/run/verify.ts";
import { seconds } from "./amounts.ts";
import type { Colour, Paint } from "./paint.ts";
import { printable } from "./text-width.ts";

const WORDS: Record<Verdict["status"], { text: string; colour: Colour }> = {
  same: { text: "same bytes", colour: "green" },
  differs: { text: "DIFFERS", colour: "red" },
  "not-reproducible": {
    text: "not built again: its step type says that it is not reproducible",
    colour: "dim",
  },
  failed: { text: "failed", colour: "red" },
};

/** One line as soon as it is known. */
export function verdictText(verdict: Verdict, paint?: Paint): string {
  const { text, colour } = WORDS[verdict.status];
  const painted = paint ? paint(colour, text) : text;
  const time = verdict.status === "not-reproducible" ? "" : ` (${seconds(verdict.seconds)})`;
  const why = verdict.status === "failed" ? `: ${printable(verdict.error.message)}` : "";
  return `verify ${printable(verdict.node)}: ${painted}${why}${time}`;
}

/** What differs, each with both digests and the place; and what it comes to. */
export function verificationSummary(
  verdicts: readonly Verdict[],
  placeOf: (output: DifferingOutput) => string | undefined,
  paint?: Paint,
): string {
  const lines = verdicts.flatMap((verdict) =>
    verdict.status === "differs"
      ? verdict.outputs.map((output) => differenceLine(verdict, output, placeOf))
      : [],
  );
  const count = (status: Verdict["status"]) => verdicts.filter((verdict) => verdict.status === status).length;
  const parts = [
    `${count("same")} the same`,
    ...(count("differs") > 0 ? [`${count("differs")} different`] : []),
    ...(count("failed") > 0 ? [`${count("failed")} failed`] : []),
    ...(count("not-reproducible") > 0
      ? [`${count("not-reproducible")} not reproducible, not built again`]
      : []),
  ];
  const good = count("differs") + count("failed") === 0;
  const summary = `verified: ${parts.join(", ")}`;
  return [...lines, paint ? paint(good ? "green" : "red", summary) : summary].join("\n");
}

function differenceLine(
  { node, uses }: Verdict,
  output: DifferingOutput,
  placeOf: (output: DifferingOutput) => string | undefined,
): string {
  const digests = `${output.stored.digest.slice(0, 19)} stored, ${output.rebuilt.digest.slice(0, 19)} built again`;
  const place = placeOf(output);
  return printable(`${node} (${uses}): ${output.name} differs${place ? ` ${place}` : ""} (${digests})`);
}
