/** Paths whose names are any bytes, as text that can be printed, and told apart. */

/** `path`: a character for each byte. UTF-8 stays what it is; other bytes, control characters and `\` are as in C. */
export function shownPath(path: string): string {
  const bytes = Buffer.from(path, "latin1");
  const text = bytes.toString("utf8");
  if (Buffer.from(text, "utf8").equals(bytes))
    return text.replace(/[\\\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
      const code = character.codePointAt(0)!;
      return code > 0x7f ? `\\u{${code.toString(16)}}` : escaped(character);
    });
  return path.replace(/[\\\x00-\x1f\x7f-\xff]/g, escaped);
}

function escaped(character: string): string {
  if (character === "\\") return "\\\\";
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
