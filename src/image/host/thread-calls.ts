/** Calls between two threads, both ways over one port: a request, and its answer or the error it failed with. */
import { type ErrorMessage, fromMessage, toMessage } from "./error-message.ts";

/** Plain data that structured cloning takes. */
export interface Call<Request, Answer> {
  request: Request;
  answer: Answer;
}

/** By their names. */
export type Calls = Record<string, Call<unknown, unknown>>;

export type Ask<C extends Calls> = <Name extends keyof C & string>(
  name: Name,
  request: C[Name]["request"],
) => Promise<C[Name]["answer"]>;

export type Answer<C extends Calls> = {
  [Name in keyof C]: (request: C[Name]["request"]) => C[Name]["answer"] | Promise<C[Name]["answer"]>;
};

/** A `Worker`, or what the thread itself has as `parentPort`. */
export interface Port {
  postMessage(message: Message): void;
  on(event: "message", listener: (message: Message) => void): unknown;
}

type Message =
  | { type: "request"; id: number; name: string; request: unknown }
  | { type: "answer"; id: number; answer: unknown }
  | { type: "failed"; id: number; error: ErrorMessage };

/** Answers what the other side asks; what is returned asks it. Calls are answered in any order. */
export function callsOver<Theirs extends Calls, Ours extends Calls>(
  port: Port,
  answer: Answer<Ours>,
): Ask<Theirs> {
  const asked = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  const reply = async (id: number, name: string, request: unknown) => {
    try {
      port.postMessage({ type: "answer", id, answer: await answer[name]!(request) });
    } catch (error) {
      port.postMessage({ type: "failed", id, error: toMessage(error) });
    }
  };
  port.on("message", (message) => {
    if (message.type === "request") return void reply(message.id, message.name, message.request);
    const { resolve, reject } = asked.get(message.id)!;
    asked.delete(message.id);
    if (message.type === "answer") resolve(message.answer);
    else reject(fromMessage(message.error));
  });
  return (name, request) => {
    const call = Promise.withResolvers<unknown>();
    const id = ++lastId;
    asked.set(id, call);
    port.postMessage({ type: "request", id, name, request });
    return call.promise;
  };
}
