/**
 * A parsed template: plain data, with the place of everything. Its references are read, but nothing is
 * resolved: whether steps, outputs and step types exist is the compiler's question.
 */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import type { ParamRule } from "./param-type.ts";
import type { Reference } from "./reference.ts";

export interface Template {
  /** Its path as it was given. */
  file: string;
  /** By default the file's name without its ending. */
  name: string;
  params: TemplateParam[];
  /** Of the section; absent where there is none. */
  paramsWhere?: Position;
  /** Parameters with several values: each combination is an instance. In the order of the file; mostly empty. */
  matrix: MatrixAxis[];
  /** In the order of the file. */
  steps: TemplateStep[];
  outputs: TemplateOutput[];
}

export interface TemplateParam extends ParamRule {
  name: string;
  where: Position;
  description?: string;
  /** Absent: it must be given. */
  default?: Json;
}

export interface MatrixAxis {
  /** Of the parameter. */
  name: string;
  where: Position;
  values: Located<Json>[];
}

export interface TemplateStep {
  name: string;
  where: Position;
  uses: Located<string>;
  with: Entry[];
  needs: Located<string>[];
  timeoutMs?: number;
}

export interface TemplateOutput {
  name: string;
  where: Position;
  value: Value;
}

export interface Located<T> {
  value: T;
  where: Position;
}

/** A value as it stands in the file. */
export type Value =
  | { kind: "scalar"; value: null | boolean | number | string; where: Position }
  | { kind: "list"; items: Value[]; where: Position }
  | { kind: "map"; entries: Entry[]; where: Position }
  /** A reference that is the whole value. */
  | { kind: "reference"; reference: Reference; where: Position }
  /** A string with references in it. */
  | { kind: "text"; parts: (string | Located<Reference>)[]; where: Position };

export interface Entry {
  key: string;
  keyWhere: Position;
  value: Value;
}
