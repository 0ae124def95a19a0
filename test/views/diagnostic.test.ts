import { expect, it } from "vitest";
import type { Diagnostic } from "../../src/engine/template/diagnostic.ts";
import { diagnosticsText, diagnosticText } from "../../src/views/diagnostic.ts";
import { coloured } from "../../src/views/paint.ts";

const at = (column: number, length?: number): Diagnostic => ({
  code: "unknown-output",
  severity: "error",
  message: 'step "disk" (ext4/mkfs) has no output "tree"; it has: image',
  hint: "look again",
  where: { file: "t.yaml", line: 2, column, ...(length ? { length } : {}) },
});
const text = (line: string, diagnostic: Diagnostic) =>
  diagnosticText(diagnostic, { sources: new Map([["t.yaml", `one\n${line}\nthree\n`]]) }).split("\n");

it("shows the place, the source line with a marker under it, and the hint", () => {
  expect(text("  from: ${{ steps.disk.tree }}", at(9, 22))).toEqual([
    't.yaml:2:9 error unknown-output: step "disk" (ext4/mkfs) has no output "tree"; it has: image',
    "  2 |   from: ${{ steps.disk.tree }}",
    "    |         ^^^^^^^^^^^^^^^^^^^^^^",
    "  hint: look again",
  ]);
});

it("puts the marker under wide characters, tabs and combining ones", () => {
  expect(text("名前: 値", at(5, 1)).slice(1, 3)).toEqual(["  2 | 名前: 値", "    |       ^^"]);
  expect(text("\ta\u0301: x", at(6)).slice(1, 3)).toEqual(["  2 |  a\u0301: x", "    |     ^"]);
});

it("cuts long lines around the marker", () => {
  const [, line, marker] = text(`${"a".repeat(500)}HERE${"b".repeat(500)}`, at(501, 4));
  expect(line!.length).toBeLessThan(120);
  expect(line!.indexOf("HERE")).toBe(marker!.indexOf("^^^^"));
});

it("lets nothing in a template steer the terminal", () => {
  expect(text("a: \u001b[2Jx\u0007", at(1)).join("\n")).not.toMatch(/[\u001b\u0007]/);
});

it("leaves the source line out where there is none, and colours on request", () => {
  const { hint, ...bare } = at(1);
  expect(diagnosticText(bare)).not.toContain("\n");
  expect(diagnosticText(bare, { paint: coloured })).toContain("\u001b[31merror unknown-output:");
  expect(hint).toBeDefined();
});

it("parts several by empty lines", () => {
  const { hint: _, ...bare } = at(1);
  expect(diagnosticsText([bare, bare])).toBe(`${diagnosticText(bare)}\n\n${diagnosticText(bare)}`);
});
