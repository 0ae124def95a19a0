/**
 * A run that goes on, followed: its events come as server-sent events whose ids are places in the run's file, so that
 * a connection that broke goes on where it was.
 */
import type { RunEvent } from "../engine/run/event.ts";
import { address } from "./address.ts";
import { h } from "./dom.ts";

export interface LiveOptions {
  run: string;
  from: number;
  onEvent(event: RunEvent): void;
  /** Whether it is connected now. */
  onConnection(state: "connected" | "lost"): void;
}

export function followRun({ run, from, onEvent, onConnection }: LiveOptions): void {
  const source = new EventSource(address(`run/${run}/events`, { from: String(from) }));
  source.addEventListener("open", () => onConnection("connected"));
  source.addEventListener("error", () => onConnection("lost"));
  source.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data) as RunEvent;
    onEvent(event);
    if (event.type === "run-finished") source.close();
  });
}

/** A step's log as it is now, asked for again while it is in sight and the run goes on. */
export function liveLog(run: string, node: string, goesOn: () => boolean): HTMLElement {
  const note = h("p", { class: "note" });
  const text = h("pre", { text: "…", attributes: { tabindex: "0", "aria-label": "Log" } });
  const ask = async () => {
    const response = await fetch(address(`run/${run}/log`, { node }));
    if (!response.ok) throw new Error(`the log could not be read: ${response.status}`);
    const log = (await response.json()) as { text: string; omittedBytes: number };
    const atEnd = text.scrollTop + text.clientHeight > text.scrollHeight - 20;
    text.textContent = log.text || "(nothing yet)";
    note.textContent = log.omittedBytes > 0 ? `${log.omittedBytes} bytes before this were left out` : "";
    if (atEnd) text.scrollTop = text.scrollHeight;
  };
  const repeat = () =>
    ask()
      .catch((error: unknown) => {
        note.textContent = (error as Error).message;
      })
      .finally(() => {
        if (goesOn()) setTimeout(() => (text.isConnected ? repeat() : undefined), 1000);
      });
  void repeat();
  return h("div", {}, note, text);
}
