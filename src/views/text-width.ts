/**
 * How many columns of a terminal a text takes, and cutting it to fit: wide characters take two columns, combining
 * ones none, and a character that is made of several code points is never cut apart.
 */
import { stripVTControlCharacters } from "node:util";

/** Made when the first text needs it: that costs some 20 ms, and most texts are ASCII. */
let graphemes: Intl.Segmenter | undefined;

function segments(text: string): Iterable<Intl.SegmentData> {
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return graphemes.segment(text);
}

/** Columns that `text` takes. Colour sequences take none. */
export function textWidth(text: string): number {
  if (isPrintableAscii(text)) return text.length;
  let width = 0;
  for (const { segment } of segments(stripVTControlCharacters(text))) width += graphemeWidth(segment);
  return width;
}

/** `text` in at most `columns` columns, ending in `…` where something was cut. Takes no colour sequences. */
export function cutToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let width = 0;
  let kept = "";
  for (const { segment } of segments(text)) {
    width += graphemeWidth(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** `text` with spaces after it up to `columns`. */
export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)));
}

/** A line that cannot steer a terminal: control sequences are gone, a tab is a space. */
export function printable(line: string): string {
  if (isPrintableAscii(line)) return line;
  return stripVTControlCharacters(line)
    .replaceAll("\t", " ")
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "");
}

function isPrintableAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0)!;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (/^[\p{Mn}\p{Me}\p{Cf}]/u.test(grapheme)) return 0;
  return isWide(code) || /\p{Emoji_Presentation}|\ufe0f/u.test(grapheme) ? 2 : 1;
}

/** East Asian Wide and Fullwidth (Unicode Standard Annex 11), by their blocks. */
function isWide(code: number): boolean {
  return WIDE.some(([first, last]) => code >= first && code <= last);
}

const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];
