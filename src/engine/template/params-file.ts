/** `--params FILE`: values of parameters in YAML or JSON, each with its place, so that a wrong one is told there. */
import type { Json } from "../artifact.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { asJson, kindOf } from "./json-value.ts";
import type { Given } from "./params.ts";
import { type ReadFile, readTemplate, startOf } from "./read.ts";
import { parseYaml } from "./yaml.ts";

/** `sources` takes the file's text in, for messages that show a line of it. */
export async function readParamsFile(
  file: string,
  readFile: ReadFile,
  { diagnostics, sources }: { diagnostics: Diagnostics; sources: Map<string, string> },
): Promise<Map<string, Given>> {
  const given = new Map<string, Given>();
  const read = await readTemplate(file, readFile);
  if ("fault" in read) {
    const code = read.fault.code.replace(/^template/, "params-file");
    diagnostics.error(startOf(file), { ...read.fault, code });
    return given;
  }
  sources.set(file, read.text);
  const value = await parseYaml(read.text, file, diagnostics);
  if (!value || (value.kind === "scalar" && value.value === null)) return given;
  if (value.kind !== "map") {
    diagnostics.error(value.where, {
      code: "wrong-type",
      message: `a file of parameters must be a map of names to values, not ${kindOf(value)}`,
    });
    return given;
  }
  for (const { key, keyWhere, value: inner } of value.entries) {
    const json: Json = asJson(inner, (_, where) => {
      diagnostics.error(where, {
        code: "bad-reference",
        message: "a file of parameters can refer to nothing",
      });
      return "";
    });
    given.set(key, { json, where: inner.where, nameWhere: keyWhere });
  }
  return given;
}
