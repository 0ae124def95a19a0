/** `text` inside an element or a quoted attribute of HTML or SVG. What XML has no way to write is left out. */
export function escapeMarkup(text: string): string {
  return text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      "",
    )
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
