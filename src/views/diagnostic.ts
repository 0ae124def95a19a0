/**
 * Diagnostics as people and editors read them: place, severity, code and message on one line,
 * then the source line with a marker under what is meant, then the hint.
 */
import type { Diagnostic } from "../engine/template/diagnostic.ts";
import { type Paint, plain } from "./paint.ts";
import { cutToWidth, printable, textWidth } from "./text-width.ts";

export interface DiagnosticOptions {
  /** Texts of the files, by their names in the diagnostics; without its text, a diagnostic has no source line. */
  sources?: ReadonlyMap<string, string>;
  paint?: Paint;
}

/** Longer source lines are cut around the marker. */
const MAX_COLUMNS = 110;

/**
 *     templates/python.yaml:14:13 error unknown-output: step "disk" (ext4/mkfs) has no output "tree"; it has: image
 *       14 |       from: ${{ steps.disk.tree }}
 *          |             ^^^^^^^^^^^^^^^^^^^^^^
 *       hint: …
 */
export function diagnosticText(
  diagnostic: Diagnostic,
  { sources, paint = plain }: DiagnosticOptions = {},
): string {
  const { code, severity, message, hint, where } = diagnostic;
  const place = `${printable(where.file)}:${where.line}:${where.column}`;
  const label = paint(severity === "error" ? "red" : "yellow", `${severity} ${code}:`);
  const lines = [`${paint("bold", place)} ${label} ${printable(message)}`];
  lines.push(...excerpt(diagnostic, sources?.get(where.file), paint));
  if (hint !== undefined) lines.push(`  ${paint("cyan", "hint:")} ${printable(hint)}`);
  return lines.join("\n");
}

/** Several, with an empty line between them. */
export function diagnosticsText(diagnostics: readonly Diagnostic[], options: DiagnosticOptions = {}): string {
  return diagnostics.map((diagnostic) => diagnosticText(diagnostic, options)).join("\n\n");
}

function excerpt({ where, severity }: Diagnostic, text: string | undefined, paint: Paint): string[] {
  const source = lineOf(text, where.line);
  if (source === undefined || source.trim() === "") return [];
  const start = where.column - 1;
  const { before, marked, after } = around(source, start, start + (where.length ?? 1));
  const number = String(where.line);
  const bar = paint("dim", "|");
  const marker = "^".repeat(Math.max(1, textWidth(marked)));
  return [
    `  ${paint("dim", number)} ${bar} ${before}${marked}${after}`,
    `  ${" ".repeat(number.length)} ${bar} ${" ".repeat(textWidth(before))}${paint(severity === "error" ? "red" : "yellow", marker)}`,
  ];
}

function lineOf(text: string | undefined, line: number): string | undefined {
  if (text === undefined) return undefined;
  let start = 0;
  for (let at = 1; at < line; at++) {
    start = text.indexOf("\n", start) + 1;
    if (start === 0) return undefined;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
}

/** The line in three parts, printable, cut on both sides to what fits. */
function around(line: string, start: number, end: number) {
  const marked = cutToWidth(printable(line.slice(start, end)), MAX_COLUMNS / 2);
  let before = printable(line.slice(0, start));
  if (textWidth(before) > MAX_COLUMNS / 2) before = `…${before.slice(-(MAX_COLUMNS / 2 - 1))}`;
  const room = Math.max(0, MAX_COLUMNS - textWidth(before) - textWidth(marked));
  return { before, marked, after: cutToWidth(printable(line.slice(end)), room) };
}
