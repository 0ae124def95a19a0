/** What a run came to: its outputs and their names, what was cached and built, where the time went, what to do next. */
import type { Artifact } from "../engine/artifact.ts";
import type { NodeResult, RunRecord } from "../engine/run/record.ts";
import { bytes, count, seconds, shortDigest } from "./amounts.ts";
import { type Paint, plain } from "./paint.ts";
import { type Cell, table } from "./table.ts";
import { printable, textWidth } from "./text-width.ts";

export interface SummaryOptions {
  columns?: number;
  paint?: Paint;
  /** Step types by node, where they are known. */
  uses?: ReadonlyMap<string, string>;
  /** The steps that determined how long it took, in order. */
  criticalPath?: readonly string[];
}

export function runSummary(record: RunRecord, options: SummaryOptions = {}): string {
  const { paint = plain } = options;
  const sections = [`${paint("bold", printable(record.template.name))}  ${outcome(record)}`];
  if (Object.keys(record.outputs).length > 0) sections.push(outputs(record, options));
  const time = timeTable(record, options);
  if (time) sections.push(time);
  const next = nextCommands(record);
  if (next.length > 0) sections.push(section("next", next, paint));
  return sections.join("\n\n");
}

/** `6 built, 3 cached in 1m 12s, 12.4 MiB stored (run r…)` */
export function outcome({ ok, counts, seconds: took, addedBytes, run }: RunRecord): string {
  if (ok && counts.built === 0) return `${count(counts.hit, "step")}, all cached, in ${seconds(took)}`;
  const parts = [
    counts.built > 0 ? `${counts.built} built` : "",
    counts.hit > 0 ? `${counts.hit} cached` : "",
    counts.failed > 0 ? `${counts.failed} failed` : "",
    counts.cancelled > 0 ? `${counts.cancelled} cancelled` : "",
    counts.skipped > 0 ? `${counts.skipped} skipped` : "",
  ].filter((part) => part !== "");
  const added = counts.built > 0 ? storedText(addedBytes) : "";
  return `${parts.join(", ")} in ${seconds(took)}${added && `, ${added}`} (run ${run})`;
}

/** `12.4 MiB stored`; empty where it was not counted. */
function storedText(addedBytes: number | undefined): string {
  if (addedBytes === undefined) return "";
  return addedBytes === 0 ? "nothing new stored" : `${bytes(addedBytes)} stored`;
}

function outputs(record: RunRecord, { paint = plain, columns }: SummaryOptions): string {
  const all = Object.entries(record.outputs);
  const cells = all
    .slice(0, MOST_OUTPUTS)
    .map(([name, artifact]): (Cell | string)[] => [
      printable(name),
      artifact.type,
      "bytes" in artifact ? bytes(artifact.bytes) : "",
      { text: shortDigest(artifact.digest), colour: "dim" },
      { text: namesOf(record, name, artifact).join(" "), colour: "green" },
    ]);
  const narrow = { paint, cuttable: 4, droppable: [3, 1], ...(columns ? { columns: columns - 2 } : {}) };
  const rows = table(cells, narrow);
  const more = all.length - cells.length;
  if (more > 0) rows.push(paint("dim", `and ${more} more: tplgraph runs show ${record.run} --json`));
  return section("outputs", rows, paint);
}

/** `python:latest#rootfs`; of a matrix's output, as its instances have it. */
function namesOf({ refs, instances = {} }: RunRecord, name: string, { digest }: Artifact): string[] {
  const own = name.replace(/\[.*\]$/, "");
  const holding = Object.values(instances).filter(({ outputs }) => outputs[own]?.digest === digest);
  return [...refs, ...holding.flatMap((instance) => instance.refs)].map((ref) => `${ref}#${own}`);
}

/** A graph of thousands may have each of its steps as an output, which nobody reads here. */
const MOST_OUTPUTS = 100;

const SHOWN = 12;
const BAR_COLUMNS = 24;

function timeTable(
  { nodes, counts }: RunRecord,
  { paint = plain, uses, columns, criticalPath = [] }: SummaryOptions,
): string | undefined {
  if (counts.built + counts.failed === 0) return undefined;
  const built = Object.entries(nodes)
    .filter(([, node]) => node.status === "built" || node.status === "failed")
    .sort(([, a], [, b]) => b.seconds - a.seconds);
  const longest = built[0]?.[1].seconds ?? 0;
  if (longest < 0.05) return undefined;
  const facts = ([id, node]: [string, NodeResult]): (Cell | string)[] => [
    printable(id),
    { text: uses?.get(id) ?? "", colour: "dim" },
    seconds(node.seconds),
    node.addedBytes === undefined ? "" : bytes(node.addedBytes),
  ];
  const shown = built.slice(0, SHOWN);
  const factsWidth = Math.max(...table(shown.map(facts)).map(textWidth));
  const barColumns = Math.max(
    0,
    Math.min(BAR_COLUMNS, (columns ?? Number.POSITIVE_INFINITY) - factsWidth - 5),
  );
  const withBar = (node: [string, NodeResult]): (Cell | string)[] => [
    ...facts(node),
    {
      text: bar((node[1].seconds / longest) * barColumns),
      colour: node[1].status === "failed" ? "red" : "green",
    },
  ];
  const rows = table(shown.map(withBar), {
    paint,
    cuttable: 0,
    droppable: [1],
    right: [2, 3],
    ...(columns ? { columns: columns - 2 } : {}),
  });
  const rest = built.slice(SHOWN);
  const restSeconds = rest.reduce((sum, [, node]) => sum + node.seconds, 0);
  if (rest.length > 0) rows.push(`${count(rest.length, "other step")} ${seconds(restSeconds)}`);
  rows.push(...criticalLine(nodes, criticalPath, columns).map((line) => paint("dim", line)));
  return section("time and bytes stored", rows, paint);
}

/** `critical path: disk → files → checked, 12s`; none where one step is all of it. */
function criticalLine(
  nodes: RunRecord["nodes"],
  path: readonly string[],
  columns: number | undefined,
): string[] {
  const built = path.filter((id) => (nodes[id]?.seconds ?? 0) > 0);
  if (built.length < 2) return [];
  const took = built.reduce((sum, id) => sum + nodes[id]!.seconds, 0);
  const steps = (shown: readonly string[]) =>
    `critical path: ${shown.map(printable).join(" → ")}, ${seconds(took)}`;
  const whole = steps(built);
  if (columns === undefined || textWidth(whole) <= columns - 2 || built.length < 3) return [whole];
  return [steps([built[0]!, `… ${built.length - 2} …`, built.at(-1)!])];
}

/** `columns` may be a fraction: eighths of a column are drawn. */
function bar(columns: number): string {
  const eighths = Math.round(columns * 8);
  const rest = eighths % 8;
  return "█".repeat(Math.floor(eighths / 8)) + (rest > 0 ? String.fromCodePoint(0x2590 - rest) : "");
}

function nextCommands(record: RunRecord): string[] {
  if (!record.ok) {
    const failed = Object.keys(record.nodes).find((node) => record.nodes[node]!.status === "failed");
    return failed === undefined ? [] : [`tplgraph runs logs ${record.run} ${printable(failed)}`];
  }
  const named = (type: Artifact["type"]) => {
    const name = Object.keys(record.outputs).find((output) => record.outputs[output]!.type === type);
    return name === undefined ? undefined : nameFor(record, name);
  };
  const snapshot = named("snapshot");
  const image = named("image");
  return [
    ...(snapshot ? [`tplgraph resume ${snapshot}`] : []),
    ...(image ? [`tplgraph artifacts export ${image} -o ${record.template.name}.ext4`] : []),
  ].map(printable);
}

function nameFor(record: RunRecord, output: string): string {
  const artifact = record.outputs[output]!;
  const [name] = namesOf(record, output, artifact);
  if (name === undefined) return artifact.digest;
  const [ref] = name.split("#", 1);
  const instance = Object.values(record.instances ?? {}).find(({ refs }) => refs.includes(ref!));
  const beside = Object.values((instance ?? record).outputs);
  return beside.filter(({ type }) => type === artifact.type).length === 1 ? ref! : name;
}

function section(title: string, lines: readonly string[], paint: Paint): string {
  return [paint("dim", title), ...lines.map((line) => `  ${line}`)].join("\n");
}
