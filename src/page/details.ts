/** What is known of the step that was chosen: facts, reasons, inputs, outputs, commands, log. */
import type { Artifact, Json } from "../engine/artifact.ts";
import { bytes, seconds, shortDigest } from "../views/amounts.ts";
import { type Difference, inputText } from "../views/graph/differences.ts";
import type { DrawnNode, DrawnTool, GraphDocument } from "../views/graph/document.ts";
import { signOf, stateWord } from "../views/graph/node-words.ts";
import { button, byId, h } from "./dom.ts";

export interface DetailsOptions {
  onSelect(id: string): void;
  onClose(): void;
  /** Served live: the log of a step as it is now. */
  log?(node: string): HTMLElement;
}

export interface Shown {
  title: string;
  document: GraphDocument;
  node: DrawnNode;
}

export class Details {
  readonly #panel = byId("details");
  readonly #options: DetailsOptions;
  #open: ReadonlySet<string> = new Set(["Explanation", "Inputs", "Outputs", "Commands", "Log"]);

  constructor(options: DetailsOptions) {
    this.#options = options;
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") options.onClose();
    });
  }

  hide(): void {
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
  }

  focus(): void {
    this.#panel.querySelector<HTMLElement>("h2")?.focus();
  }

  /** `shown`: the step in the graph, or in each of two. */
  show(shown: readonly Shown[], difference: Difference | undefined): void {
    const { node } = shown[0]!;
    this.#remember();
    const heading = h("h2", { text: node.id, attributes: { tabindex: "-1" } });
    const close = button("✕", () => this.#options.onClose(), {
      class: "close",
      attributes: { "aria-label": "Close the details" },
    });
    this.#panel.replaceChildren(
      h("header", {}, heading, close),
      h("p", { class: "uses", text: `${node.uses}${node.kind === "resource" ? " · resource" : ""}` }),
      ...(difference ? [differenceTable(difference)] : []),
      ...shown.flatMap((one) => [
        ...(shown.length > 1 ? [h("h3", { class: "which", text: one.title })] : []),
        ...this.#sections(one),
      ]),
    );
    this.#panel.hidden = false;
  }

  #remember(): void {
    const open = [...this.#panel.querySelectorAll("details")].filter((one) => one.open);
    if (this.#panel.childElementCount > 0)
      this.#open = new Set(open.map((one) => one.querySelector("summary")!.dataset.title!));
  }

  #sections({ node, document }: Shown): HTMLElement[] {
    const { details } = node;
    const readers = document.nodes.filter(({ needs }) => needs.includes(node.id));
    return [
      ...stateParts(node),
      facts(node, document),
      ...(node.error ? [failure(node.error)] : []),
      ...(node.reason?.changed.length ? [changeTable(node.reason.changed)] : []),
      this.#section(
        "Explanation",
        details?.explanation === undefined ? [] : [h("pre", { text: details.explanation })],
      ),
      this.#section(
        "Inputs",
        inputRows(node, (id) => this.#link(id)),
      ),
      this.#section("Outputs", Object.entries(node.outputs ?? {}).map(outputRow)),
      this.#section(
        "Read by",
        readers.length > 0 ? [h("p", { class: "links" }, ...readers.map(({ id }) => this.#link(id)))] : [],
      ),
      this.#section("Commands", (node.tools ?? []).map(command)),
      this.#section("Log", this.#log(node)),
      this.#section("Key’s preimage", details?.preimage === undefined ? [] : [preimage(details.preimage)]),
    ].filter((part) => part !== undefined);
  }

  #log(node: DrawnNode): HTMLElement[] {
    if (this.#options.log) return [this.#options.log(node.id)];
    const log = node.details?.log;
    if (!log) return [];
    const note =
      log.omittedBytes > 0
        ? [h("p", { class: "note", text: `${bytes(log.omittedBytes)} before this were left out` })]
        : [];
    return [...note, h("pre", { text: log.text, attributes: { tabindex: "0", "aria-label": "Log" } })];
  }

  #section(title: string, content: readonly HTMLElement[]): HTMLElement | undefined {
    if (content.length === 0) return undefined;
    const summary = h("summary", { text: title, attributes: { "data-title": title } });
    const section = h("details", {}, summary, ...content);
    section.open = this.#open.has(title);
    return section;
  }

  #link(id: string): HTMLElement {
    return button(id, () => this.#options.onSelect(id), { class: "link" });
  }
}

function stateParts(node: DrawnNode): HTMLElement[] {
  if (!node.state) return [];
  const badge = h("span", { class: `badge s-${node.state}` });
  const sign = h("span", { class: "sign", text: signOf(node), attributes: { "aria-hidden": "true" } });
  badge.append(sign, ` ${stateWord(node)}`);
  return [h("p", { class: "state" }, badge)];
}

function facts(node: DrawnNode, document: GraphDocument): HTMLElement {
  const rows: [string, string | HTMLElement][] = [];
  if (node.why) rows.push(["why", node.why]);
  if (node.note) rows.push(["way", node.note]);
  if (node.reproducible === false) rows.push(["bytes", "may differ from one run to another"]);
  const { producer } = node.details ?? {};
  const begun = document.run && node.startedAt ? since(document.run.startedAt, node.startedAt) : undefined;
  if (node.seconds !== undefined && node.state !== "hit")
    rows.push([document.shows === "run" ? "took" : "took last time", seconds(node.seconds)]);
  const isBuilt = node.kind === "artifact" && (node.state === "miss" || node.state === "pending");
  if (isBuilt) rows.push(["to store", storeText(node.addedBytes)]);
  else if (node.addedBytes !== undefined) rows.push(["stored", bytes(node.addedBytes)]);
  if (node.bytesToFetch !== undefined) rows.push(["to fetch", fetchText(node.bytesToFetch)]);
  if (begun !== undefined) rows.push(["began", `${seconds(begun)} after the run’s start`]);
  const waited = node.readyAt && node.startedAt ? since(node.readyAt, node.startedAt) : 0;
  if (waited > 0.01) rows.push(["waited", `${seconds(waited)} for a job`]);
  if (node.job !== undefined) rows.push(["on", `job ${node.job + 1}`]);
  if (producer)
    rows.push([
      "made",
      `${producer.at.slice(0, 16).replace("T", " ")} in ${seconds(producer.seconds)}${producer.host ? ` on ${producer.host}` : ""}, run ${producer.run}`,
    ]);
  rows.push(["template", `${node.where.file}:${node.where.line}`]);
  if (node.key) rows.push(["key", h("code", { text: node.key })]);
  return h(
    "dl",
    { class: "facts" },
    ...rows.flatMap(([term, value]) => [h("dt", { text: term }), h("dd", {}, value)]),
  );
}

/** From the last time. */
function storeText(last: number | undefined): string {
  return last === undefined ? "unknown: nobody has measured it" : `about ${bytes(last)}`;
}

function fetchText(most: number | null): string {
  if (most === null) return "unknown: the remote cannot tell";
  return most === 0 ? "nothing" : `at most ${bytes(most)}`;
}

function since(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;
}

function failure({ message, hint, command: line, lastLines }: NonNullable<DrawnNode["error"]>): HTMLElement {
  return h(
    "div",
    { class: "failure" },
    h("p", { class: "message", text: message }),
    hint ? h("p", { text: `hint: ${hint}` }) : undefined,
    line ? h("pre", { class: "command", text: `$ ${commandLine(line)}` }) : undefined,
    lastLines?.length
      ? h("pre", { text: lastLines.join("\n"), attributes: { tabindex: "0", "aria-label": "Last lines" } })
      : undefined,
  );
}

function changeTable(
  changed: readonly { path: string; from?: Json | undefined; to?: Json | undefined }[],
): HTMLElement {
  return table(
    "What changed",
    changed.map(({ path, from, to }) => [path, jsonText(from), jsonText(to)]),
  );
}

function differenceTable({ kind, parts }: Difference): HTMLElement {
  if (kind !== "changed")
    return h("p", {
      class: "note",
      text: kind === "added" ? "only in the second graph" : "only in the first graph",
    });
  return table(
    "Differences",
    parts.map(({ what, from, to }) => [what, from, to]),
  );
}

function table(title: string, rows: readonly (readonly [string, string, string])[]): HTMLElement {
  const heads = ["what", "from", "to"].map((text) => h("th", { text, attributes: { scope: "col" } }));
  const body = rows.map(([what, from, to]) =>
    h(
      "tr",
      {},
      h("th", { text: what, attributes: { scope: "row" } }),
      h("td", { class: "from", text: from }),
      h("td", { class: "to", text: to }),
    ),
  );
  return h(
    "table",
    { class: "changes" },
    h("caption", { text: title }),
    h("thead", {}, h("tr", {}, ...heads)),
    h("tbody", {}, ...body),
  );
}

function inputRows(node: DrawnNode, link: (id: string) => HTMLElement): HTMLElement[] {
  const rows = Object.entries(node.inputs).map(([port, input]) =>
    h(
      "div",
      { class: "port" },
      h("span", { class: "port-name", text: port }),
      input.from === "node"
        ? h("span", {}, link(input.node), ` ${input.output}`)
        : h("code", { text: inputText(input) }),
    ),
  );
  const read = new Set(
    Object.values(node.inputs).flatMap((input) => (input.from === "node" ? [input.node] : [])),
  );
  const after = node.needs.filter((need) => !read.has(need));
  return after.length === 0
    ? rows
    : [
        ...rows,
        h(
          "div",
          { class: "port" },
          h("span", { class: "port-name", text: "after" }),
          h("span", { class: "links" }, ...after.map(link)),
        ),
      ];
}

function outputRow([name, artifact]: [string, Artifact]): HTMLElement {
  const size = "bytes" in artifact ? ` · ${bytes(artifact.bytes)}` : "";
  return h(
    "div",
    { class: "port" },
    h("span", { class: "port-name", text: name }),
    h(
      "span",
      {},
      `${artifact.type}${size} `,
      h("code", {
        text: artifact.type === "data" ? jsonText(artifact.value) : shortDigest(artifact.digest),
        title: artifact.digest,
      }),
    ),
  );
}

function command({ command: line, exitCode, seconds: took }: DrawnTool): HTMLElement {
  const end = exitCode === undefined ? "runs" : exitCode === null ? "was killed" : `exited ${exitCode}`;
  const note = `${end}${took === undefined ? "" : ` after ${seconds(took)}`}`;
  return h(
    "div",
    { class: `tool ${exitCode ? "failed-tool" : ""}` },
    h("pre", { class: "command", text: `$ ${commandLine(line)}` }),
    h("span", { class: "note", text: note }),
  );
}

/** As a shell would take it. */
function commandLine(line: readonly string[]): string {
  return line
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}

function preimage(value: Json): HTMLElement {
  return h("pre", {
    text: JSON.stringify(value, null, 2),
    attributes: { tabindex: "0", "aria-label": "Preimage" },
  });
}

function jsonText(value: Json | undefined): string {
  if (value === undefined) return "(none)";
  return typeof value === "string" ? value : JSON.stringify(value);
}
