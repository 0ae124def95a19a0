/** What a driver says when it cannot do what it was asked: the same codes whatever lies below. */
import { TplError } from "../../engine/errors.ts";

export function objectMissing(store: string, key: string, cause?: unknown): TplError {
  return new TplError({ code: "object-missing", message: `${store} has no object ${key}`, cause });
}

/** Nobody answered, or with an error of his own: it may work again later. */
export function storeUnreachable(store: string, why: string, cause?: unknown): TplError {
  return new TplError({
    code: "store-unreachable",
    message: `${store} cannot be reached: ${why}`,
    hint: "check the network and the remote's endpoint; tplgraph doctor asks it again",
    cause,
  });
}

/** Somebody answered, and refused: asking again changes nothing. */
export function storeRefused(store: string, why: string, hint: string, cause?: unknown): TplError {
  return new TplError({ code: "store-refused", message: `${store} refuses: ${why}`, hint, cause });
}
