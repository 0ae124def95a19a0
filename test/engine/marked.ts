/** Templates in tests say where a diagnostic is expected by a ▲ before the character that it points at. */
export function marked(text: string): { text: string; line: number; column: number } {
  const at = text.indexOf("▲");
  const before = text.slice(0, at).split("\n");
  return { text: text.replace("▲", ""), line: before.length, column: before.at(-1)!.length + 1 };
}
