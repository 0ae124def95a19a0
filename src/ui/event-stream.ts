/**
 * Server-sent events (WHATWG HTML, 9.2) of what is looked at again and again: files of other processes tell nobody that
 * they grew. Nothing is looked at while nobody listens.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

export interface Message {
  /** What a browser that lost the connection says it has had, as `Last-Event-ID`. */
  id: string;
  data: unknown;
}

export interface Streamed {
  messages: Message[];
  /** There will be no more. */
  ended?: boolean;
}

/** How often is looked for news. Twice that, and a dead connection is noticed. */
const LOOK_MS = 400;

/** Looks until `look` says that it is the end, or the reader or `signal` ends it. */
export async function streamEvents(
  request: IncomingMessage,
  response: ServerResponse,
  { look, signal }: { look(lastId: string | undefined): Promise<Streamed>; signal: AbortSignal },
): Promise<void> {
  const given = request.headers["last-event-id"];
  let lastId = typeof given === "string" ? given : undefined;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const until = AbortSignal.any([gone.signal, signal]);
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
  });
  response.write("retry: 1000\n\n");
  while (!until.aborted) {
    const { messages, ended = false } = await look(lastId);
    for (const { id, data } of messages) {
      // JSON has no line break in it, so it is one line of the format.
      const room = response.write(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
      lastId = id;
      if (!room) await drained(response, until);
    }
    if (ended) break;
    await pause(LOOK_MS, until);
  }
  response.end();
}

function drained(response: ServerResponse, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      until.removeEventListener("abort", done);
      resolve();
    };
    response.once("drain", done);
    until.addEventListener("abort", done, { once: true });
  });
}

function pause(ms: number, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      until.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    until.addEventListener("abort", done, { once: true });
    if (until.aborted) done();
  });
}
