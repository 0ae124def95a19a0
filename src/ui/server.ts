/**
 * The server of `tplgraph ui`: on loopback alone, on a port that the system gives, for whoever has its address with the
 * token in it. It changes nothing. What it shows it is given as `UiSources`; what it knows is how to ask safely.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TplError } from "../engine/errors.ts";
import type { KeptEvents } from "../store/run-events.ts";
import { type Streamed, streamEvents } from "./event-stream.ts";
import { type Guard, refusal } from "./guard.ts";
import type { OverviewRun } from "./overview.ts";

export interface UiSources {
  /** The page of all runs. `home`: the path and query that lead to it. */
  overview(home: string): Promise<string>;
  /** The latest first. */
  runs(): Promise<OverviewRun[]>;
  /** What the store holds, and what takes its space. */
  holdings(): Promise<unknown>;
  /** The page of a run. Throws TplError where there is none. */
  runPage(run: string, home: string): Promise<string>;
  /** The events of a run from a place in their file on, and whether there may be more. */
  runEvents(run: string, from: number): Promise<(KeptEvents & { goesOn: boolean }) | undefined>;
  /** The end of a step's log. */
  log(run: string, node: string): Promise<unknown>;
}

export interface Ui extends AsyncDisposable {
  /** With the token. */
  url: string;
}

/** Requests end when `signal` is aborted or the server is disposed of. */
export async function serveUi(sources: UiSources, options: { signal: AbortSignal }): Promise<Ui> {
  const guard: Guard = { token: randomBytes(24).toString("base64url"), host: "" };
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  // Importing it at the top would load Node's web clients at the start of every command: the bundle is one file.
  const { createServer } = await import("node:http");
  const server = createServer((request, response) => {
    void answer(request, response, { sources, guard, signal }).catch((error: unknown) =>
      fail(response, error),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  guard.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${guard.host}/?token=${guard.token}`,
    async [Symbol.asyncDispose]() {
      ending.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Around {
  sources: UiSources;
  guard: Guard;
  signal: AbortSignal;
}

async function answer(request: IncomingMessage, response: ServerResponse, around: Around): Promise<void> {
  const { sources, guard, signal } = around;
  const refused = refusal(request, guard);
  if (refused) return send(response, refused.status, "text/plain; charset=utf-8", `${refused.reason}\n`);
  const { pathname, searchParams } = new URL(request.url!, "http://localhost");
  const home = `/?token=${guard.token}`;
  const html = (text: string) => send(response, 200, "text/html; charset=utf-8", text);
  const json = (value: unknown) => send(response, 200, "application/json", JSON.stringify(value));
  const [, first = "", run = "", what = ""] = pathname.split("/");
  if (pathname === "/") return html(await sources.overview(home));
  if (pathname === "/runs") return streamEvents(request, response, { look: newsOfRuns(sources), signal });
  if (pathname === "/holdings") return json(await sources.holdings());
  if (first === "run" && what === "") return html(await sources.runPage(run, home));
  if (first === "run" && what === "log") return json(await sources.log(run, searchParams.get("node") ?? ""));
  if (first === "run" && what === "events") {
    const from = Number(searchParams.get("from") ?? 0);
    return streamEvents(request, response, {
      look: (id) => newsOfRun(sources, run, Number(id ?? from)),
      signal,
    });
  }
  send(response, 404, "text/plain; charset=utf-8", "there is nothing here\n");
}

/** The whole list whenever it changed: whoever comes back is told all of it. */
function newsOfRuns(sources: UiSources): () => Promise<Streamed> {
  let told: string | undefined;
  let count = 0;
  return async () => {
    const runs = await sources.runs();
    const text = JSON.stringify(runs);
    if (text === told) return { messages: [] };
    told = text;
    return { messages: [{ id: String(++count), data: runs }] };
  };
}

/** A message's id is the place in the file after its event. */
async function newsOfRun(sources: UiSources, run: string, from: number): Promise<Streamed> {
  const place = Number.isSafeInteger(from) && from >= 0 ? from : 0;
  const kept = await sources.runEvents(run, place);
  if (!kept) return { messages: [], ended: true };
  const messages = kept.events.map(({ event, end }) => ({ id: String(end), data: event }));
  return { messages, ended: !kept.goesOn && messages.length === 0 };
}

const HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { ...HEADERS, "content-type": type });
  response.end(text);
}

function fail(response: ServerResponse, error: unknown): void {
  const [status, text] = error instanceof TplError ? [404, error.message] : [500, String(error)];
  if (response.headersSent) response.destroy();
  else send(response, status, "text/plain; charset=utf-8", `${text}\n`);
}
