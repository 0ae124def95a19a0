/** What differs between two images, or the disks of two snapshots. */
import { bytes, count, shortDigest } from "./amounts.ts";
import { type Colour, type Paint, plain } from "./paint.ts";
import { table } from "./table.ts";

export interface DiffReport {
  a: DiffSide;
  b: DiffSide;
  /** Of snapshots: how much memory their machines have, in bytes. */
  memory?: { a: number; b: number };
  /** In bytes; absent where they were not asked for. */
  ranges?: readonly { offset: number; length: number }[];
  /** Absent where they were not asked for; null where there is no file system to read. */
  files?: readonly ChangedFile[] | null;
  /** Why `files` is null. */
  filesWhy?: string;
}

export interface DiffSide {
  ref: string;
  type: "image" | "snapshot";
  digest: string;
  /** Of the disk. */
  bytes: number;
}

export interface ChangedFile {
  /** Escaped: it holds nothing that steers a terminal. */
  path: string;
  kind: "added" | "removed" | "changed";
  before?: FileFacts;
  after?: FileFacts;
  /** Of a changed one: `mode`, `owner`, `size`, `target`, `type`, `content`. */
  changed: readonly string[];
}

export interface FileFacts {
  type: string;
  /** Octal: `0644`. */
  mode: string;
  uid: number;
  gid: number;
  bytes: number;
  target?: string;
}

export interface DiffTextOptions {
  paint?: Paint;
  /** Whether the ranges are listed, or only counted. */
  ranges: "listed" | "counted";
}

export function diffText(report: DiffReport, options: DiffTextOptions): string {
  const { a, b, memory, ranges, files } = report;
  const paint = options.paint ?? plain;
  const sides = table(
    [a, b].map((side) => [side.ref, side.type, shortDigest(side.digest), bytes(side.bytes)]),
  );
  const isSame = ranges?.length === 0 && a.bytes === b.bytes && memory?.a === memory?.b;
  return [
    ...sides,
    ...(memory ? [`memory: ${bytes(memory.a)} → ${bytes(memory.b)}`] : []),
    ...(isSame ? ["no difference"] : []),
    ...(ranges && !isSame ? [rangesSummary(ranges)] : []),
    ...(ranges && options.ranges === "listed"
      ? ranges.map(({ offset, length }) => `${offset} ${length}`)
      : []),
    ...(files && !isSame ? [filesSummary(files), ...files.map((file) => fileLine(file, paint))] : []),
    ...(files === null ? [`files are not compared: ${report.filesWhy}`] : []),
  ].join("\n");
}

function rangesSummary(ranges: readonly { length: number }[]): string {
  const total = ranges.reduce((sum, { length }) => sum + length, 0);
  return `${count(ranges.length, "range")}, ${bytes(total)} differ`;
}

function filesSummary(files: readonly ChangedFile[]): string {
  if (files.length === 0) return "no file differs";
  const kinds = (["added", "removed", "changed"] as const).map((kind) => {
    return `${files.filter((file) => file.kind === kind).length} ${kind}`;
  });
  return `files: ${kinds.join(", ")}`;
}

const MARKS: Record<ChangedFile["kind"], [mark: string, colour: Colour]> = {
  added: ["+", "green"],
  removed: ["-", "red"],
  changed: ["~", "yellow"],
};

function fileLine(file: ChangedFile, paint: Paint): string {
  const [mark, colour] = MARKS[file.kind];
  return `${paint(colour, mark)} ${file.path}  ${paint("dim", detailsOf(file))}`;
}

function detailsOf({ before, after, changed }: ChangedFile): string {
  if (before && after) return changed.map((aspect) => changeText(aspect, before, after)).join("; ");
  const { type, mode, uid, gid, bytes: size, target } = (before ?? after)!;
  const parts = [type, mode, `${uid}:${gid}`, ...(type === "file" ? [bytes(size)] : [])];
  return [...parts, ...(target === undefined ? [] : [`→ ${target}`])].join(" ");
}

function changeText(aspect: string, before: FileFacts, after: FileFacts): string {
  const change = (of: (facts: FileFacts) => string) => `${aspect} ${of(before)} → ${of(after)}`;
  switch (aspect) {
    case "mode":
      return change(({ mode }) => mode);
    case "owner":
      return change(({ uid, gid }) => `${uid}:${gid}`);
    case "size":
      return change(({ bytes: size }) => `${size} B`);
    case "target":
      return change(({ target }) => target ?? "none");
    case "type":
      return change(({ type }) => type);
    default:
      return aspect;
  }
}
