/**
 * YAML text → values with places. Anchors, aliases and merge keys (`<<`) are resolved; keys are unique strings;
 * what JSON cannot hold is refused. Nothing that a file contains makes this throw, recurse without end, or grow
 * beyond `MAX_VALUES`.
 */
import type { Document, ErrorCode, LineCounter, Pair, ParsedNode, Scalar, YAMLMap } from "yaml";
import type { Position } from "../errors.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { parseText, type Reference } from "./reference.ts";
import type { Entry, Located, Value } from "./template.ts";

/** Aliases can make a small file unfold into a huge one. */
const MAX_VALUES = 1_000_000;
const MAX_DEPTH = 100;

/** The document's value; undefined when there is none, or when it is not YAML (which `diagnostics` then says). */
export async function parseYaml(
  text: string,
  file: string,
  diagnostics: Diagnostics,
): Promise<Value | undefined> {
  // Loaded here, because a program that reads no template should not pay for it.
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  // Its own check of unique keys compares every pair of keys: ours is in `mapEntries`.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false };
  let document: Document.Parsed;
  try {
    document = yaml.parseDocument(text, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // The parser recurses; a stack that is used up is the one way in which it fails otherwise.
    tooDeep({ file, line: 1, column: 1 }, diagnostics);
    return undefined;
  }
  const places = new Places(text, file, lines);
  let line = 0;
  for (const { code, message, pos } of document.errors) {
    const where = places.at(pos[0], pos[1]);
    // What the parser stumbles over next on the same line is mostly the same fault.
    if (where.line === line) continue;
    line = where.line;
    diagnostics.error(where, {
      code: "yaml-syntax",
      message: firstLine(message),
      hint: syntaxHint(code, places.lineText(pos[0])),
    });
  }
  for (const { message, pos } of document.warnings)
    diagnostics.warning(places.at(pos[0], pos[1]), { code: "yaml-warning", message: firstLine(message) });
  if (document.errors.length > 0 || !document.contents) return undefined;
  return new Converter(yaml, places, diagnostics).value(document.contents, 0);
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]!;
}

function syntaxHint(code: ErrorCode, line: string): string | undefined {
  if (line.includes("${{")) return "inside { } and [ ] a reference must be in quotes";
  return code === "TAB_AS_INDENT" ? "indent with spaces" : undefined;
}

function tooDeep(where: Position, diagnostics: Diagnostics): void {
  diagnostics.error(where, {
    code: "too-large",
    message: `values are nested more than ${MAX_DEPTH} levels deep`,
  });
}

/** From offsets in the text to positions. */
class Places {
  readonly text: string;
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(text: string, file: string, lines: LineCounter) {
    this.text = text;
    this.#file = file;
    this.#lines = lines;
  }

  /** Length: up to `end`, and not beyond the line. */
  at(start: number, end: number): Position {
    const { line, col } = this.#lines.linePos(start);
    if (line === 0) return { file: this.#file, line: 1, column: 1 };
    const nextLine = this.#lines.lineStarts[line] ?? this.text.length + 1;
    const length = Math.max(1, Math.min(end, nextLine - 1) - start);
    return { file: this.#file, line, column: col, length };
  }

  lineText(offset: number): string {
    const { line } = this.#lines.linePos(offset);
    return this.text.slice(this.#lines.lineStarts[line - 1], this.#lines.lineStarts[line]);
  }
}

class Converter {
  readonly #yaml: typeof import("yaml");
  readonly #places: Places;
  readonly #diagnostics: Diagnostics;
  /** What an alias means depends on the anchors before it; one that is open contains itself. */
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  #values = 0;

  constructor(yaml: typeof import("yaml"), places: Places, diagnostics: Diagnostics) {
    this.#yaml = yaml;
    this.#places = places;
    this.#diagnostics = diagnostics;
  }

  /** Undefined for what was refused. */
  value(node: ParsedNode, depth: number): Value | undefined {
    const where = this.#where(node);
    if (++this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1)
        this.#diagnostics.error(where, {
          code: "too-large",
          message: `aliases unfold into more than ${MAX_VALUES} values`,
        });
      return undefined;
    }
    if (depth > MAX_DEPTH) {
      tooDeep(where, this.#diagnostics);
      return undefined;
    }
    if (this.#yaml.isAlias(node)) {
      const target = this.#target(node.source, where);
      const value = target && this.value(target, depth + 1);
      return value && { ...value, where };
    }
    if (node.anchor) this.#anchors.set(node.anchor, node);
    if (this.#yaml.isScalar(node)) return this.#scalar(node, where);
    this.#open.add(node);
    const value: Value = this.#yaml.isMap(node)
      ? { kind: "map", entries: this.#mapEntries(node, depth), where }
      : { kind: "list", items: this.#items(node.items as ParsedNode[], depth), where };
    this.#open.delete(node);
    return value;
  }

  #items(nodes: ParsedNode[], depth: number): Value[] {
    return nodes.map((node) => this.value(node, depth + 1)).filter((value) => value !== undefined);
  }

  #mapEntries(map: YAMLMap.Parsed, depth: number): Entry[] {
    const entries = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const pair of map.items) {
      const key = this.#key(pair);
      if (key === undefined) continue;
      const value = pair.value && this.value(pair.value, depth + 1);
      if (!value) continue;
      if (key === "<<") {
        merged.push(...this.#mergeable(value));
        continue;
      }
      const keyWhere = this.#where(pair.key);
      if (entries.has(key))
        this.#diagnostics.error(keyWhere, {
          code: "duplicate-key",
          message: `"${key}" stands here twice, first on line ${entries.get(key)!.keyWhere.line}`,
        });
      else entries.set(key, { key, keyWhere, value });
    }
    // What the map says itself is stronger than what is merged in, and of that the first.
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return [...entries.values()];
  }

  #key(pair: Pair<ParsedNode, ParsedNode | null>): string | undefined {
    const node = this.#yaml.isAlias(pair.key) ? this.#anchors.get(pair.key.source) : pair.key;
    if (this.#yaml.isScalar(node) && node.value !== null) {
      if (node.anchor) this.#anchors.set(node.anchor, node as ParsedNode);
      return typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
    }
    this.#diagnostics.error(this.#where(pair.key), {
      code: "wrong-type",
      message: "a key must be a word, not a list, a map or nothing",
    });
    return undefined;
  }

  #mergeable(value: Value): Entry[] {
    const maps = value.kind === "list" ? value.items : [value];
    return maps.flatMap((map) => {
      if (map.kind === "map") return map.entries;
      this.#diagnostics.error(map.where, {
        code: "wrong-type",
        message: "only maps can be merged in with <<",
      });
      return [];
    });
  }

  #target(anchor: string, where: Position): ParsedNode | undefined {
    const target = this.#anchors.get(anchor);
    if (target && !this.#open.has(target)) return target;
    this.#diagnostics.error(where, {
      code: "yaml-syntax",
      message: target ? `*${anchor} stands inside what it stands for` : `there is no &${anchor} before this`,
    });
    return undefined;
  }

  #scalar(node: Scalar.Parsed, where: Position): Value | undefined {
    const value: unknown = node.value;
    if (typeof value === "string")
      return value.includes("${{") ? this.#text(value, node, where) : { kind: "scalar", value, where };
    if (value === null || typeof value === "boolean") return { kind: "scalar", value, where };
    const exact = typeof value === "number" && Number.isFinite(value);
    if (exact && (!Number.isInteger(value) || Number.isSafeInteger(value)))
      return { kind: "scalar", value, where };
    this.#diagnostics.error(where, {
      code: "wrong-value",
      message: `${node.source} is no number that can be kept exactly`,
      hint: `for a string, write it in quotes: "${node.source}"`,
    });
    return undefined;
  }

  #text(text: string, node: Scalar.Parsed, where: Position): Value | undefined {
    const { parts, faults } = parseText(text);
    for (const { nth, message, hint } of faults)
      this.#diagnostics.error(this.#nthReference(node, nth), { code: "bad-reference", message, hint });
    if (faults.length > 0) return undefined;
    const [first] = parts;
    if (parts.length === 1 && typeof first === "object")
      return { kind: "reference", reference: first, where };
    let nth = 0;
    const located = parts.map((part): string | Located<Reference> =>
      typeof part === "string" ? part : { value: part, where: this.#nthReference(node, nth++) },
    );
    return { kind: "text", parts: located, where };
  }

  /** Where the nth `${{` of a string stands in the source, however the string is quoted or folded. */
  #nthReference(node: Scalar.Parsed, nth: number): Position {
    const [start, end] = node.range;
    let at = start - 1;
    for (let i = 0; i <= nth; i++) {
      at = this.#places.text.indexOf("${{", at + 1);
      // Written with escapes, it is not to be found: the string's own place must do.
      if (at < 0 || at >= end) return this.#where(node);
    }
    const close = this.#places.text.indexOf("}}", at);
    return this.#places.at(at, close < 0 || close > end ? end : close + 2);
  }

  #where(node: ParsedNode): Position {
    return this.#places.at(node.range[0], node.range[1]);
  }
}
