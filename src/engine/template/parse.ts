/**
 * The text of a template → `Template`. Says everything that is wrong with the file by itself: keys, kinds, names,
 * references that cannot be read. What it refuses is left out of the result, so that the rest can still be judged.
 */
import { basename } from "node:path";
import type { Position } from "../errors.ts";
import { type Diagnostic, Diagnostics } from "./diagnostic.ts";
import { parseDuration } from "./duration.ts";
import { kindOf } from "./json-value.ts";
import { parseAxis } from "./parse-axis.ts";
import { parseParam } from "./parse-param.ts";
import { startOf } from "./read.ts";
import { NAME, STEP_NAME } from "./reference.ts";
import { suggestOrList } from "./suggest.ts";
import type {
  Entry,
  Located,
  MatrixAxis,
  Template,
  TemplateOutput,
  TemplateParam,
  TemplateStep,
  Value,
} from "./template.ts";
import { parseYaml } from "./yaml.ts";

const TOP_KEYS = ["name", "params", "matrix", "steps", "outputs"];
const STEP_KEYS = ["uses", "with", "needs", "timeout"];
/** A template's name stands in ids and refs. */
const TEMPLATE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** No template when there is nothing to go on with. */
export async function parseTemplate(
  text: string,
  file: string,
): Promise<{ template?: Template; diagnostics: Diagnostic[] }> {
  const diagnostics = new Diagnostics();
  const root = await parseYaml(text, file, diagnostics);
  const empty = root ? isNothing(root) : !diagnostics.hasErrors();
  if (empty)
    diagnostics.error(startOf(file), {
      code: "empty-template",
      message: `${file} is empty`,
      hint: "a template has at least steps",
    });
  const template = root && !empty ? new Reader(file, diagnostics).template(root) : undefined;
  return { ...(template ? { template } : {}), diagnostics: diagnostics.list() };
}

class Reader {
  readonly #file: string;
  readonly #diagnostics: Diagnostics;

  constructor(file: string, diagnostics: Diagnostics) {
    this.#file = file;
    this.#diagnostics = diagnostics;
  }

  template(root: Value): Template | undefined {
    const entries = this.#map(root, "a template");
    if (!entries) return undefined;
    // Keys that begin with x- are the author's own: a place for anchors.
    const own = entries.filter(({ key }) => !key.startsWith("x-"));
    const top = this.#fields(own, TOP_KEYS, "a template");
    const steps = this.#steps(top.get("steps"), root.where);
    if (steps.length === 0) return undefined;
    const params = this.#params(top.get("params"));
    return {
      file: this.#file,
      name: this.#name(top.get("name")),
      params,
      matrix: this.#matrix(top.get("matrix"), params),
      ...(top.has("params") ? { paramsWhere: top.get("params")!.keyWhere } : {}),
      steps,
      outputs: this.#outputs(top.get("outputs")),
    };
  }

  #name(entry: Entry | undefined): string {
    const byFile = basename(this.#file)
      .replace(/\.[^.]*$/, "")
      .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9._-]/g, "-");
    const name = entry && this.#string(entry.value, "name");
    if (!name) return byFile;
    if (TEMPLATE_NAME.test(name.value)) return name.value;
    this.#error(name.where, "bad-name", `"${name.value}" cannot be a template's name`, NAME_RULE);
    return byFile;
  }

  #params(entry: Entry | undefined): TemplateParam[] {
    return this.#entriesOf(entry, "params").flatMap(({ key, keyWhere, value }) => {
      if (!NAME.test(key)) {
        this.#error(keyWhere, "bad-name", `"${key}" cannot be a parameter's name`, NAME_RULE);
        return [];
      }
      return parseParam({ key, keyWhere, value }, this.#diagnostics) ?? [];
    });
  }

  #matrix(entry: Entry | undefined, params: readonly TemplateParam[]): MatrixAxis[] {
    return this.#entriesOf(entry, "matrix").flatMap(
      (axis) => parseAxis(axis, params, this.#diagnostics) ?? [],
    );
  }

  /** Empty only when that was complained about. */
  #steps(entry: Entry | undefined, where: Position): TemplateStep[] {
    const steps = this.#entriesOf(entry, "steps");
    if (steps.length === 0 && (!entry || isEmpty(entry.value)))
      this.#error(entry?.keyWhere ?? where, "empty-template", "the template has no steps");
    return steps.flatMap((step) => this.#step(step) ?? []);
  }

  #step({ key: name, keyWhere: where, value }: Entry): TemplateStep | undefined {
    if (!STEP_NAME.test(name)) {
      this.#error(where, "bad-name", `"${name}" cannot be a step's name`, NAME_RULE);
      return undefined;
    }
    const entries = this.#map(value, `step "${name}"`);
    if (!entries) return undefined;
    const fields = this.#fields(entries, STEP_KEYS, `step "${name}"`);
    const uses = fields.get("uses");
    if (!uses)
      this.#error(where, "missing-key", `step "${name}" does not say what it uses`, "uses: PLUGIN/STEP");
    const step: TemplateStep = {
      name,
      where,
      // An empty word has been complained about: nothing more is said of it.
      uses: (uses && this.#string(uses.value, "uses")) ?? { value: "", where },
      with: this.#entriesOf(fields.get("with"), "with"),
      needs: this.#needs(fields.get("needs")),
    };
    const timeoutMs = this.#timeout(fields.get("timeout"));
    return timeoutMs === undefined ? step : { ...step, timeoutMs };
  }

  #needs(entry: Entry | undefined): Located<string>[] {
    if (!entry) return [];
    if (entry.value.kind === "list")
      return entry.value.items.flatMap((item) => this.#string(item, "needs") ?? []);
    this.#wrongKind(entry.value, "needs", "a list of steps", "needs: [step]");
    return [];
  }

  #timeout(entry: Entry | undefined): number | undefined {
    if (!entry) return undefined;
    const { value } = entry;
    const text = value.kind === "scalar" && typeof value.value === "string" ? value.value : undefined;
    const timeoutMs = text === undefined ? undefined : parseDuration(text);
    if (timeoutMs === undefined)
      this.#error(
        value.where,
        "bad-duration",
        `timeout must be a time up to 24 days, ${text === undefined ? `not ${kindOf(value)}` : `not "${text}"`}`,
        "write it as 90s, 10m or 1h30m",
      );
    return timeoutMs;
  }

  #outputs(entry: Entry | undefined): TemplateOutput[] {
    return this.#entriesOf(entry, "outputs").flatMap(({ key, keyWhere, value }) => {
      if (NAME.test(key)) return [{ name: key, where: keyWhere, value }];
      this.#error(keyWhere, "bad-name", `"${key}" cannot be an output's name`, NAME_RULE);
      return [];
    });
  }

  /** By key; keys that are none of `known` are complained about. */
  #fields(entries: readonly Entry[], known: readonly string[], of: string): Map<string, Entry> {
    for (const { key, keyWhere } of entries)
      if (!known.includes(key))
        this.#error(
          keyWhere,
          "unknown-key",
          `${of} has no key "${key}"`,
          suggestOrList(key, known, "its keys"),
        );
    return new Map(entries.map((entry) => [entry.key, entry]));
  }

  /** Of a section that may be absent or empty. */
  #entriesOf(entry: Entry | undefined, what: string): Entry[] {
    if (!entry || isNothing(entry.value)) return [];
    return this.#map(entry.value, what) ?? [];
  }

  #map(value: Value, what: string): Entry[] | undefined {
    if (value.kind === "map") return value.entries;
    this.#wrongKind(value, what, "a map of names to values");
    return undefined;
  }

  #string(value: Value, what: string): Located<string> | undefined {
    if (value.kind === "scalar" && typeof value.value === "string")
      return { value: value.value, where: value.where };
    const quoted =
      value.kind === "scalar" && value.value !== null ? `write it in quotes: "${value.value}"` : undefined;
    this.#wrongKind(value, what, "a string", quoted);
    return undefined;
  }

  #wrongKind(value: Value, what: string, wanted: string, hint?: string): void {
    this.#error(value.where, "wrong-type", `${what} must be ${wanted}, not ${kindOf(value)}`, hint);
  }

  #error(where: Position, code: string, message: string, hint?: string): void {
    this.#diagnostics.error(where, { code, message, hint });
  }
}

const NAME_RULE = "a name begins with a letter and has letters, digits, - and _ in it";

function isNothing(value: Value): boolean {
  return value.kind === "scalar" && value.value === null;
}

function isEmpty(value: Value): boolean {
  return isNothing(value) || (value.kind === "map" && value.entries.length === 0);
}
