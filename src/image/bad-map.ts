/** The error for bytes that are no chunk map, or not the one that is meant. */
import { TplError } from "../engine/errors.ts";

export function badMap(reason: string): TplError {
  return new TplError({
    code: "bad-map",
    message: `not a chunk map of this program: ${reason}`,
    hint: "build the image again",
  });
}
