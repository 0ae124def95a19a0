/** The page of all runs: a list that follows what happens, and what takes the store's space. */
import type { Holdings, OverviewRun } from "../ui/overview.ts";
import { bytes, seconds, shortDigest } from "../views/amounts.ts";
import { address } from "./address.ts";
import { byId, h } from "./dom.ts";

const STATES: Record<OverviewRun["state"], { name: string; sign: string; word: string }> = {
  running: { name: "running", sign: "▶", word: "running" },
  ok: { name: "built", sign: "✓", word: "done" },
  failed: { name: "failed", sign: "✕", word: "failed" },
  interrupted: { name: "cancelled", sign: "⊘", word: "interrupted" },
  killed: { name: "failed", sign: "☠", word: "killed" },
};

let latest: OverviewRun[] = [];

const source = new EventSource(address("runs"));
source.addEventListener("open", () => document.body.classList.remove("lost"));
source.addEventListener("error", () => document.body.classList.add("lost"));
source.addEventListener("message", ({ data }) => {
  latest = JSON.parse(data) as OverviewRun[];
  drawRuns();
});
setInterval(() => {
  if (latest.some(({ state }) => state === "running")) drawRuns();
}, 1000);

void measure();
document.body.classList.add("ready");

function drawRuns(): void {
  const running = latest.filter(({ state }) => state === "running").length;
  byId("live").textContent = running > 0 ? `${running} running` : "nothing runs";
  byId("live").className = `live ${running > 0 ? "unfinished" : ""}`;
  const focused = (document.activeElement as HTMLElement | null)?.dataset.run;
  const rows = latest.map(row);
  byId("runs").replaceChildren(
    rows.length > 0
      ? table("Runs", ["state", "template", "began", "took", "", "run"], rows)
      : h("p", { class: "note", text: "no runs yet" }),
  );
  if (focused) document.querySelector<HTMLElement>(`[data-run="${focused}"]`)?.focus();
}

function row({ run, template, at, state, seconds: took, counts, failure }: OverviewRun): HTMLElement {
  const { name, sign, word } = STATES[state];
  const badge = h(
    "span",
    { class: `badge s-${name}` },
    h("span", { class: "sign", text: sign, attributes: { "aria-hidden": "true" } }),
    ` ${word}`,
  );
  const link = h("a", { text: template, attributes: { href: address(`run/${run}`), "data-run": run } });
  const lasted =
    took ?? (state === "running" ? Math.max(0, (Date.now() - Date.parse(at)) / 1000) : undefined);
  const outcome =
    failure ??
    (counts
      ? [
          [counts.built, "built"],
          [counts.hit, "cached"],
        ]
          .flatMap(([n, text]) => (n ? `${n} ${text}` : []))
          .join(", ")
      : "");
  return h(
    "tr",
    {},
    h("td", {}, badge),
    h("td", {}, link),
    h("td", { text: at.slice(0, 16).replace("T", " ") }),
    h("td", { class: "number", text: lasted === undefined ? "" : seconds(lasted) }),
    h("td", { class: "outcome", text: outcome }),
    h("td", {}, h("code", { text: run })),
  );
}

async function measure(): Promise<void> {
  const place = byId("holdings");
  place.replaceChildren(h("p", { class: "note", text: "measuring…" }));
  try {
    const response = await fetch(address("holdings"));
    if (!response.ok) throw new Error(await response.text());
    const held = (await response.json()) as Holdings;
    const most = Math.max(1, ...held.artifacts.map(({ bytes: has }) => has));
    const rows = held.artifacts.map((one) => {
      const bar = h("span", { class: "space" });
      const [all, own] = [h("span", { class: "space-all" }), h("span", { class: "space-own" })];
      all.style.width = `${(100 * one.bytes) / most}%`;
      own.style.width = `${(100 * one.ownBytes) / most}%`;
      bar.append(all, own);
      return h(
        "tr",
        {},
        h("td", { class: one.isNamed ? "named" : "", text: one.title }),
        h("td", { text: one.type }),
        h("td", { class: "number", text: bytes(one.ownBytes) }),
        h("td", { class: "number", text: bytes(one.bytes) }),
        h("td", {}, bar),
        h("td", {}, h("code", { text: shortDigest(one.digest), title: one.digest })),
      );
    });
    const unused =
      held.unusedBytes > 0 ? `, ${bytes(held.unusedBytes)} of that in no artifact: tplgraph gc` : "";
    place.replaceChildren(
      h("p", {
        class: "note",
        text: `${bytes(held.bytes)} in all${unused}. Alone: what would be free without it.`,
      }),
      table("Artifacts", ["name or step", "type", "alone", "with shared", "", "digest"], rows),
    );
  } catch (error) {
    place.replaceChildren(
      h("p", { class: "failure", text: `the store could not be measured: ${(error as Error).message}` }),
    );
  }
}

function table(title: string, heads: readonly string[], rows: readonly HTMLElement[]): HTMLElement {
  const cells = heads.map((text) =>
    h(text === "" ? "td" : "th", { text, ...(text === "" ? {} : { attributes: { scope: "col" } }) }),
  );
  return h(
    "table",
    { class: "listing" },
    h("caption", { class: "hidden", text: title }),
    h("thead", {}, h("tr", {}, ...cells)),
    h("tbody", {}, ...rows),
  );
}
