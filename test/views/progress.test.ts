import { beforeEach, describe, expect, it } from "vitest";
import { jsonLine } from "../../src/views/progress-json.ts";
import { plainLine } from "../../src/views/progress-plain.ts";
import { ttyProgress } from "../../src/views/progress-tty.ts";
import { textWidth } from "../../src/views/text-width.ts";
import { at, DIGEST, graphOf, planOf } from "./fixtures.ts";

const graph = graphOf({ a: [], b: ["a"], c: ["b"] });
const plan = planOf(graph, { b: { fate: "miss" }, c: { fate: "pending" } });

describe("on a terminal", () => {
  let window = { columns: 80, rows: 24 };
  let now = 0;
  let screen: Screen;
  beforeEach(() => {
    window = { columns: 80, rows: 24 };
    now = 0;
    screen = new Screen(() => window.columns);
  });
  const progress = () =>
    ttyProgress({ write: (text) => screen.write(text), size: () => window, now: () => now * 1000 });

  it("keeps what ended above and what runs below, a line each", () => {
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan }));
    view.onEvent(at(0, { type: "node-finished", node: "a", status: "hit", seconds: 0 }));
    view.onEvent(at(0, { type: "node-started", node: "b", uses: "lab/b" }));
    view.onEvent(at(0, { type: "node-progress", node: "b", done: 1, total: 4, unit: "bytes" }));
    view.onEvent(at(0, { type: "node-log", node: "b", stream: "stdout", line: "working" }));
    now = 3;
    view.tick();
    expect(screen.lines()).toEqual([
      "● a  cached",
      "▸ b    3.0s  25%  working",
      "lab [1/3]  3.0s, 1 cached, 1 running",
    ]);
    now = 4;
    view.onEvent(
      at(4, { type: "node-finished", node: "b", status: "built", seconds: 4, addedBytes: 5 * 2 ** 20 }),
    );
    view.onEvent(at(4, { type: "node-started", node: "c", uses: "lab/c" }));
    view.tick();
    expect(screen.lines().slice(0, 2)).toEqual(["● a  cached", "✔ b  lab/b  4.0s, 5 MiB stored"]);
  });

  it("tells how far an upload is, in the line for the whole, until the run is finished", () => {
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan }));
    view.onEvent(at(1, { type: "upload-progress", done: 0, total: 0, bytes: 0 }));
    now = 1;
    view.tick();
    expect(screen.lines()).toEqual(["uploading  lab [0/3]  1.0s"]);
    view.onEvent(at(2, { type: "upload-progress", done: 45, total: 100, bytes: 3 * 2 ** 20 }));
    now = 2;
    view.tick();
    expect(screen.lines()).toEqual(["uploading 45%, 3 MiB  lab [0/3]  2.0s"]);
    const counts = { hit: 0, built: 3, failed: 0, cancelled: 0, skipped: 0 };
    view.onEvent(at(3, { type: "run-finished", run: "r1", ok: true, counts, seconds: 1 }));
    expect(screen.lines()).toEqual([]);
  });

  it("keeps the tail of what failed, and leaves no live line at the end", () => {
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan }));
    view.onEvent(at(0, { type: "node-started", node: "b", uses: "lab/b" }));
    for (let i = 0; i < 9; i++)
      view.onEvent(at(0, { type: "node-log", node: "b", stream: "stderr", line: `line ${i}` }));
    const error = { code: "tool-failed", message: "mkfs exited 1" };
    view.onEvent(at(1, { type: "node-finished", node: "b", status: "failed", seconds: 1, error }));
    const counts = { hit: 0, built: 0, failed: 1, cancelled: 0, skipped: 0 };
    view.onEvent(at(1, { type: "run-finished", run: "r1", ok: false, counts, seconds: 1 }));
    expect(screen.lines()).toEqual([
      "✘ b  lab/b  failed  mkfs exited 1",
      ...[4, 5, 6, 7, 8].map((i) => `  │ line ${i}`),
    ]);
  });

  it.each([20, 40, 80, 200])("fits in %i columns, with long and wide lines", (columns) => {
    window = { columns, rows: 10 };
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan }));
    view.onEvent(at(0, { type: "node-started", node: "b", uses: "lab/b" }));
    view.onEvent(
      at(0, { type: "node-log", node: "b", stream: "stdout", line: `\u001b[2J${"漢字 long ".repeat(50)}` }),
    );
    for (now = 1; now < 4; now++) view.tick();
    expect(screen.lines()).toHaveLength(2);
    for (const line of screen.lines()) expect(textWidth(line)).toBeLessThan(columns);
  });

  it("redraws in place after the window became narrower", () => {
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan }));
    view.onEvent(at(0, { type: "node-started", node: "b", uses: "lab/b" }));
    view.onEvent(at(0, { type: "node-log", node: "b", stream: "stdout", line: "word ".repeat(30) }));
    now = 1;
    view.tick();
    window = { columns: 40, rows: 24 };
    now = 2;
    view.tick();
    expect(screen.lines()).toHaveLength(2);
  });

  it("is never higher than the window", () => {
    const wide = graphOf(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`n${i}`, []])));
    window = { columns: 80, rows: 10 };
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan: planOf(wide, {}) }));
    for (const { id } of wide.nodes) view.onEvent(at(0, { type: "node-started", node: id, uses: "lab/x" }));
    now = 1;
    view.tick();
    expect(screen.lines()).toHaveLength(9);
    expect(screen.lines()[7]).toMatch(/and 43 more/);
  });

  it("draws at most ten times a second, whatever is logged", () => {
    const view = progress();
    view.onEvent(at(0, { type: "run-started", run: "r1", plan }));
    view.onEvent(at(0, { type: "node-started", node: "b", uses: "lab/b" }));
    const before = screen.writes;
    for (let i = 0; i < 1000; i++) {
      now = i / 1000;
      view.onEvent(at(0, { type: "node-log", node: "b", stream: "stdout", line: `line ${i}` }));
    }
    expect(screen.writes - before).toBeLessThanOrEqual(10);
  });
});

describe("plain", () => {
  it("prefixes a line an event, without control characters", () => {
    expect(plainLine(at(0, { type: "node-started", node: "b", uses: "lab/b" }))).toBe("b: started lab/b");
    expect(
      plainLine(at(0, { type: "node-log", node: "b", stream: "stdout", line: "\u001b[31mred\u001b[0m\rx" })),
    ).toBe("b| redx");
    expect(plainLine(at(0, { type: "node-finished", node: "b", status: "built", seconds: 2 }))).toBe(
      "b: done in 2.0s",
    );
    expect(
      plainLine(at(0, { type: "node-progress", node: "b", done: 1, total: 2, unit: "files" })),
    ).toBeUndefined();
  });
});

describe("json", () => {
  it("is the event on one line, with the plan's document where a run starts", () => {
    const line = jsonLine(at(0, { type: "run-started", run: "r1", plan }));
    expect(JSON.parse(line)).toMatchObject({
      type: "run-started",
      at: "1970-01-01T00:00:00.000Z",
      plan: { schema: "tplgraph.plan/1", summary: plan.summary },
    });
    expect(line).not.toContain("\n");
  });

  it.each([
    ["a long log line", at(0, { type: "node-log", node: "b", stream: "stdout", line: "漢".repeat(100_000) })],
    [
      "a plan of 5,000 nodes",
      at(0, {
        type: "run-started",
        run: "r1",
        plan: planOf(graphOf(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`n${i}`, []]))), {}),
      }),
    ],
    [
      "an error with long lines",
      at(0, {
        type: "node-finished",
        node: "b",
        status: "failed",
        seconds: 1,
        error: { code: "x", message: "m".repeat(50_000), lastLines: Array(30).fill("l".repeat(10_000)) },
      }),
    ],
    [
      "an output of large data",
      at(0, {
        type: "node-finished",
        node: "b",
        status: "built",
        seconds: 1,
        outputs: { out: { type: "data", digest: DIGEST, value: Array(5000).fill("some value") } },
      }),
    ],
  ])("stays within 32 KiB: %s", (_, event) => {
    const line = jsonLine(event);
    expect(Buffer.byteLength(line)).toBeLessThan(32 * 1024);
    expect(JSON.parse(line)).toMatchObject({ type: event.type, at: event.at, truncated: true });
  });
});

/** As much of a terminal as the view uses: newlines, wrapping, moving up, erasing to the end. */
class Screen {
  #rows: string[] = [""];
  #row = 0;
  /** In characters; a row is written over from here on. */
  #column = 0;
  writes = 0;
  readonly #columns: () => number;

  constructor(columns: () => number) {
    this.#columns = columns;
  }

  write(text: string): void {
    this.writes++;
    this.#rewrap();
    for (const part of text.replaceAll(/\u001b\[\?7[lh]/g, "").split(/(\n|\u001b\[\d*[AJK]|\r)/)) {
      const row = this.#rows[this.#row]!;
      if (part === "\n") this.#newline();
      else if (part.endsWith("A") && part.startsWith("\u001b"))
        this.#row = Math.max(0, this.#row - Number.parseInt(part.slice(2), 10));
      else if (part === "\u001b[J")
        this.#rows = [...this.#rows.slice(0, this.#row), row.slice(0, this.#column)];
      else if (part === "\u001b[2K") this.#rows[this.#row] = " ".repeat(this.#column);
      else if (part === "\r") this.#column = 0;
      else {
        this.#rows[this.#row] = row.slice(0, this.#column) + part + row.slice(this.#column + part.length);
        this.#column += part.length;
      }
    }
  }

  lines(): string[] {
    return this.#rows.filter((row) => row !== "");
  }

  #newline(): void {
    this.#row++;
    this.#column = 0;
    this.#rows[this.#row] ??= "";
  }

  /** A terminal that became narrower breaks the rows that no longer fit. */
  #rewrap(): void {
    const columns = this.#columns();
    const rows = this.#rows.flatMap((row) => row.match(new RegExp(`.{1,${columns}}`, "gu")) ?? [""]);
    this.#row += rows.length - this.#rows.length;
    this.#rows = rows;
  }
}
