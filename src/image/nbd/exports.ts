/** What a server offers: block devices by name, and what the protocol tells a client about one. */
import type { BlockDevice } from "../device.ts";
import { TRANSMISSION_FLAGS as FLAGS } from "./protocol.ts";

export interface Export {
  device: BlockDevice;
  /** For people who list what a server has; at most 4096 bytes. */
  description?: string;
}

export type Exports = ReadonlyMap<string, Export>;

/** An export under its name. */
export interface NamedExport extends Export {
  name: string;
}

/**
 * The export that a client means. The empty name is the default export ("Option types", `NBD_OPT_EXPORT_NAME`):
 * here, the only one.
 */
export function findExport(exports: Exports, name: string): NamedExport | undefined {
  const exact = exports.get(name);
  if (exact) return { name, ...exact };
  if (name !== "" || exports.size !== 1) return undefined;
  for (const [only, found] of exports) return { name: only, ...found };
  return undefined;
}

/**
 * "Transmission flags". All connections to an export share one device, so a flush on any of them covers what
 * was written through the others: CAN_MULTI_CONN. `structured`: whether structured replies were negotiated.
 */
export function transmissionFlags(device: BlockDevice, { structured }: { structured: boolean }): number {
  const always =
    FLAGS.HAS_FLAGS | FLAGS.SEND_FLUSH | FLAGS.SEND_FUA | FLAGS.CAN_MULTI_CONN | FLAGS.SEND_CACHE;
  const changes = FLAGS.SEND_TRIM | FLAGS.SEND_WRITE_ZEROES | FLAGS.SEND_FAST_ZERO;
  return always | (structured ? FLAGS.SEND_DF : 0) | (device.readOnly ? FLAGS.READ_ONLY : changes);
}
