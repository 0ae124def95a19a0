/** What a client and the server agreed on in the handshake phase, and keep to in the transmission phase. */
import type { BlockDevice } from "../device.ts";
import type { MetaContext } from "./meta-context.ts";

export interface Agreement {
  /** The export's. */
  name: string;
  device: BlockDevice;
  /** Whether reads are answered with structured replies. */
  structured: boolean;
  /** What a block status request is answered about. */
  contexts: readonly MetaContext[];
}
