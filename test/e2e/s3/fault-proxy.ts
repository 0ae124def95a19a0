/**
 * An HTTP proxy in front of an S3 server that counts what passes and fails on command. Heads pass as they are, the
 * host's name too, since signatures cover them.
 */
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";

export type Fault =
  /** It answers with this status, and nothing reaches the server. */
  | { kind: "status"; status: number }
  /** It takes the request and never answers. */
  | { kind: "silence" }
  /** The connection ends after so many bytes of the answer's body. */
  | { kind: "reset-answer"; afterBytes: number }
  /** The connection ends while the request's body is on its way. */
  | { kind: "reset-request" }
  /** One bit of the answer's body is another. */
  | { kind: "flip"; atByte: number };

export interface SeenRequest {
  method: string;
  /** With the query. */
  path: string;
}

export interface FaultProxy extends AsyncDisposable {
  endpoint: string;
  /** Asked for each request; undefined: it passes. */
  fail: (seen: SeenRequest) => Fault | undefined;
  /** Of answers to GET, since `reset`. */
  fetchedBytes: number;
  /** Of requests' bodies. */
  sentBytes: number;
  requests: SeenRequest[];
  reset(): void;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, answer) => {
    const seen = { method: incoming.method!, path: incoming.url! };
    proxy.requests.push(seen);
    const fault = proxy.fail(seen);
    if (fault?.kind === "status") return refuse(incoming, answer, fault.status);
    if (fault?.kind === "silence") return void incoming.resume();
    if (fault?.kind === "reset-request") return void incoming.once("data", () => incoming.destroy());
    const { method, url: path, headers } = incoming;
    const outgoing = request({ hostname, port, method, path, headers }, (reply) =>
      passOn(reply, answer, { fault, onBytes: (bytes) => method === "GET" && count("fetchedBytes", bytes) }),
    );
    // Swift's answer to HEAD may have a body, which no client expects.
    outgoing.on("error", () => (method === "HEAD" && answer.headersSent ? answer.end() : answer.destroy()));
    outgoing.on("continue", () => answer.writeContinue());
    answer.on("close", () => outgoing.destroy());
    passBody(incoming, outgoing, (bytes) => count("sentBytes", bytes));
  });
  // Whether the server wants the body is the server's to say.
  server.on("checkContinue", (incoming, answer) => server.emit("request", incoming, answer));
  const count = (what: "fetchedBytes" | "sentBytes", bytes: number) => {
    proxy[what] += bytes;
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    fail: () => undefined,
    fetchedBytes: 0,
    sentBytes: 0,
    requests: [],
    reset() {
      proxy.fail = () => undefined;
      proxy.fetchedBytes = 0;
      proxy.sentBytes = 0;
      proxy.requests = [];
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return proxy;
}

function refuse(incoming: IncomingMessage, answer: ServerResponse, status: number): void {
  incoming.resume();
  const code = status === 503 ? "SlowDown" : "InternalError";
  answer.writeHead(status, { "content-type": "application/xml" });
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>on command</Message></Error>`);
}

function passBody(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  onBytes: (bytes: number) => void,
): void {
  incoming.on("data", (piece: Buffer) => onBytes(piece.length));
  incoming.pipe(outgoing);
}

function passOn(
  reply: IncomingMessage,
  answer: ServerResponse,
  { fault, onBytes }: { fault: Fault | undefined; onBytes(bytes: number): void },
): void {
  answer.writeHead(reply.statusCode!, reply.headers);
  let passed = 0;
  reply.on("data", (piece: Buffer) => {
    if (fault?.kind === "flip" && passed <= fault.atByte && fault.atByte < passed + piece.length)
      piece[fault.atByte - passed]! ^= 1;
    passed += piece.length;
    onBytes(piece.length);
    if (fault?.kind === "reset-answer" && passed > fault.afterBytes) return void answer.destroy();
    if (!answer.write(piece)) reply.pause();
  });
  answer.on("drain", () => reply.resume());
  reply.on("end", () => answer.end());
  reply.on("error", () => answer.destroy());
}
