/**
 * Who may ask: a page of ours, opened by the address that was printed. Every request carries the token; `Host` and
 * `Origin` are ours, so that a page from elsewhere can neither ask through the reader's browser (cross-site request
 * forgery) nor give our address a name of its own (DNS rebinding). No header lets another origin read an answer.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface Guard {
  token: string;
  /** `127.0.0.1:PORT`. */
  host: string;
}

export interface Refusal {
  status: 403 | 405;
  reason: string;
}

/** Why `request` is refused; undefined where it is not. */
export function refusal(request: IncomingMessage, guard: Guard): Refusal | undefined {
  const { host, origin } = request.headers;
  if (request.method !== "GET") return { status: 405, reason: "only GET" };
  if (host !== guard.host && host !== guard.host.replace("127.0.0.1", "localhost"))
    return { status: 403, reason: "not asked by this server's own name" };
  if (origin !== undefined && origin !== `http://${host}`)
    return { status: 403, reason: "asked by another origin's page" };
  const site = request.headers["sec-fetch-site"];
  if (site === "cross-site" || site === "same-site")
    return { status: 403, reason: "asked by another site's page" };
  const given = new URL(request.url ?? "/", "http://localhost").searchParams.get("token") ?? "";
  return isSame(given, guard.token)
    ? undefined
    : { status: 403, reason: "without the token: open the address that `tplgraph ui` printed" };
}

/** In a time that tells nothing of how much of it is right. */
function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
