/** What is known of a range, in the metadata contexts that were selected (proto.md, "Request types", `NBD_CMD_BLOCK_STATUS`). */
import type { BlockDevice, Extent } from "../device.ts";
import type { MetaContext } from "./meta-context.ts";
import { CMD_FLAG } from "./protocol.ts";
import type { Request } from "./request.ts";
import { blockStatusChunk } from "./structured-reply.ts";

/** A reply may cover less than was asked for; the client asks on from there. This bounds its time and its bytes. */
const MAX_EXTENTS = 8192;

/** The most that the reply about one context takes. */
export const MAX_STATUS_BYTES = MAX_EXTENTS * 8;

/** The whole reply: a chunk for each context, of which there is at least one. The range is not empty. */
export function blockStatus(request: Request, device: BlockDevice, contexts: readonly MetaContext[]): Buffer {
  const onlyOne = (request.flags & CMD_FLAG.REQ_ONE) !== 0;
  const lists = contexts.map((context) => ({ context, descriptors: [] as number[] }));
  let walked = 0;
  for (const extent of extentsOf(device, request)) {
    for (const { context, descriptors } of lists)
      append(descriptors, extent.lengthBytes, context.flagsOf(extent));
    if (++walked === MAX_EXTENTS) break;
    if (onlyOne && lists.every(({ descriptors }) => descriptors.length > 2)) break;
  }
  const chunks = lists.map(({ context, descriptors }, index) => {
    const told = onlyOne ? descriptors.slice(0, 2) : descriptors;
    return blockStatusChunk(request, index === lists.length - 1 ? "final" : "more", context.id, told);
  });
  return Buffer.concat(chunks);
}

/** A device that does not know is data, and may all have been changed. */
function extentsOf(device: BlockDevice, { offset, length }: Request): Iterable<Extent> {
  return device.extents?.(offset, length) ?? [{ lengthBytes: length, kind: "data", dirty: true }];
}

function append(descriptors: number[], lengthBytes: number, flags: number): void {
  const last = descriptors.length - 2;
  if (last >= 0 && descriptors[last + 1] === flags) descriptors[last]! += lengthBytes;
  else descriptors.push(lengthBytes, flags);
}
