/**
 * A graph as a page of its own: one file with its drawing, data, script and style in it, which asks nobody for
 * anything. Its Content-Security-Policy names its script and style by their digests and forbids every request, so that
 * no text of a template can become either.
 */
import { createHash } from "node:crypto";
import { seconds } from "../amounts.ts";
import type { GraphDocument } from "./document.ts";
import { DRAWING_CSS, STATES_CSS } from "./drawing-css.ts";
import { escapeMarkup } from "./escape-markup.ts";
import type { Grouping } from "./groups.ts";
import { ENDINGS, signOf, stateLine } from "./node-words.ts";
import type { PageData } from "./page-data.ts";
import { graphSvg } from "./svg.ts";

/** The page's own script and style, as the build made them. */
export interface PageAssets {
  script: string;
  style: string;
}

export interface GraphPageOptions {
  assets: PageAssets;
  groups?: Grouping;
  /** Served by `tplgraph ui`: where its links back lead, and what else its policy allows. */
  served?: { home: string };
}

export async function graphPage(data: PageData, options: GraphPageOptions): Promise<string> {
  const { assets, groups, served } = options;
  const drawings: string[] = [];
  for (const [i, { document }] of data.graphs.entries())
    drawings.push(
      await graphSvg(document, { within: "page", idPrefix: `g${i}-`, ...(groups ? { groups } : {}) }),
    );
  const { document } = data.graphs.at(-1)!;
  return htmlPage({
    title: document.template.name,
    assets,
    connect: served ? "'self'" : "'none'",
    data,
    body: [
      header(document, { home: served?.home, shown: data.live === undefined ? "as it was" : "live" }),
      '<div class="layout">',
      '<nav id="steps" aria-label="Steps"></nav>',
      `<main class="graphs count-${data.graphs.length}">`,
      ...data.graphs.map(({ title }, i) => graphSection(title, drawings[i]!, i, data.graphs.length)),
      "</main>",
      '<aside id="details" aria-label="Details of the step" hidden></aside>',
      '<section id="timeline" aria-label="Timeline of the run" hidden></section>',
      "</div>",
      printedSteps(document),
    ],
  });
}

/** The page of all runs of a store, which its script fills from the server that it came from. */
export function overviewPage({ store }: { store: string }, assets: PageAssets): string {
  return htmlPage({
    title: "Runs",
    assets,
    connect: "'self'",
    data: {},
    body: [
      '<header class="top">',
      "<h1>tplgraph</h1>",
      `<p class="file">${escapeMarkup(store)}</p>`,
      '<span id="live" class="live" role="status"></span>',
      "</header>",
      '<main class="overview">',
      '<section aria-label="Runs"><h2>Runs</h2><div id="runs"></div></section>',
      '<section aria-label="Store"><h2>What takes the space</h2><div id="holdings"></div></section>',
      "</main>",
    ],
  });
}

/** The frame of every page that we make. `connect`: whom its script may ask. */
function htmlPage(page: {
  title: string;
  assets: PageAssets;
  connect: "'self'" | "'none'";
  data: unknown;
  body: readonly string[];
}): string {
  const style = [DRAWING_CSS, STATES_CSS, page.assets.style].join("\n");
  const policy = [
    "default-src 'none'",
    "img-src data:",
    `script-src '${digest(page.assets.script)}'`,
    `style-src '${digest(style)}'`,
    `connect-src ${page.connect}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    // Without it a browser would ask the server for one.
    '<link rel="icon" href="data:,">',
    `<title>${escapeMarkup(page.title)} · tplgraph</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    ...page.body,
    `<script type="application/json" id="data">${scriptJson(page.data)}</script>`,
    `<script>${page.assets.script}</script>`,
    "</body>",
    "</html>",
  ].join("\n");
}

/** JSON that no parser of HTML sees an end, a comment or a tag in (WHATWG HTML, 4.12.1.3). */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function header(
  document: GraphDocument,
  { home, shown }: { home: string | undefined; shown: "as it was" | "live" },
): string {
  const { template, run, shows } = document;
  const params = Object.entries(template.params).map(
    ([name, value]) =>
      `<li><span>${escapeMarkup(name)}</span> ${escapeMarkup(typeof value === "string" ? value : JSON.stringify(value))}</li>`,
  );
  const what = run
    ? `run ${escapeMarkup(run.run)} · <time datetime="${escapeMarkup(run.startedAt)}">${escapeMarkup(run.startedAt.slice(0, 16).replace("T", " "))}</time> UTC`
    : shows === "plan"
      ? "what a run would do"
      : "the graph alone";
  const state = run && shown !== "live" ? `<span class="live ${run.state}">${runWords(run)}</span>` : "";
  return [
    '<header class="top">',
    home === undefined ? "" : `<a class="home" href="${escapeMarkup(home)}">All runs</a>`,
    `<h1>${escapeMarkup(template.name)}</h1>`,
    `<p class="file">${escapeMarkup(template.file)}</p>`,
    params.length > 0 ? `<ul class="params" aria-label="Parameters">${params.join("")}</ul>` : "",
    `<p class="what">${what}</p>`,
    shown === "live" ? '<span id="live" class="live unfinished" role="status"></span>' : state,
    "</header>",
  ].join("\n");
}

function runWords({ state, seconds: took }: NonNullable<GraphDocument["run"]>): string {
  return state === "unfinished" ? "not finished" : `${ENDINGS[state]} after ${seconds(took)}`;
}

function graphSection(title: string, svg: string, i: number, count: number): string {
  const heading = count > 1 ? `<h2>${escapeMarkup(title)}</h2>` : "";
  return `<section class="graph" aria-label="${escapeMarkup(count > 1 ? `Graph: ${title}` : "Graph")}">${heading}<div class="canvas" id="canvas-${i}">${svg}</div></section>`;
}

/** On paper nothing can be clicked: the steps as a table. */
function printedSteps({ nodes }: GraphDocument): string {
  const rows = nodes.map((node) => {
    const cells = [
      `${signOf(node)} ${stateLine(node)}`,
      node.id,
      node.uses,
      node.error?.message ?? node.why ?? "",
    ];
    return `<tr>${cells.map((cell) => `<td>${escapeMarkup(cell)}</td>`).join("")}</tr>`;
  });
  return `<table class="printed"><thead><tr><th>state</th><th>step</th><th>type</th><th>why</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}
