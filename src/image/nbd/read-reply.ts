/**
 * Replies with data: the device reads straight into the reply, behind its head. A reply that is not sent goes back to
 * where its memory came from, but never while the device may still write to it.
 */
import type { BlockDevice } from "../device.ts";
import { allSettled } from "../settled.ts";
import type { PayloadBuffers } from "./payload-buffers.ts";
import { NBD_ERROR, SIMPLE_REPLY_BYTES } from "./protocol.ts";
import { writeSimpleReply } from "./reply.ts";
import type { Request } from "./request.ts";

/** "Simple reply message", with the data. Rejects with what the device rejected it with. */
export function simpleRead(
  request: Request,
  device: BlockDevice,
  buffers: PayloadBuffers,
): Buffer | Promise<Buffer> {
  const reply = buffers.take(SIMPLE_REPLY_BYTES + request.length);
  writeSimpleReply(reply, request, NBD_ERROR.NONE);
  const read = fill(reply.subarray(SIMPLE_REPLY_BYTES), device, request.offset);
  return whenFilled(reply, read ? [read] : [], buffers);
}

/** Fills `into` with what the device has from `offset` on; undefined: it is filled. Never throws. */
export function fill(into: Buffer, device: BlockDevice, offset: number): Promise<void> | undefined {
  if (!device.readInto) return copyRead(into, device, offset);
  try {
    return device.readInto(offset, into);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function copyRead(into: Buffer, device: BlockDevice, offset: number): Promise<void> {
  const data = await device.read(offset, into.length);
  if (data.length !== into.length) throw new Error(`bug: the device read ${data.length} bytes`);
  data.copy(into);
}

/** The reply when all its reads are done. When one of them fails, rejects with its error once all have settled. */
export function whenFilled(
  reply: Buffer,
  reads: readonly Promise<void>[],
  buffers: PayloadBuffers,
): Buffer | Promise<Buffer> {
  if (reads.length === 0) return reply;
  return allSettled(reads).then(
    () => reply,
    (error) => {
      buffers.give(reply);
      throw error;
    },
  );
}
