/**
 * Holds generated conversations with a server and says what must hold after each: the server has disconnected the
 * client, the device has nothing of its any more, and another client is still served.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import fc from "fast-check";
import type { BlockDevice } from "../../../src/image/device.ts";
import { memoryDevice } from "../../../src/testing/devices.ts";
import { type Conversation, conversation, FUZZED_BYTES, FUZZED_EXPORT } from "./frames.ts";
import { requestFrame } from "./raw-client.ts";
import { startServer } from "./server-fixture.ts";

/** No conversation takes a hundredth of it: one that does hangs. */
const HANG_MS = 15_000;

/** Resolves to how many frames were sent; rejects with the shortest conversation found that does harm. */
export async function fuzz(options: { conversations: number; seed: number }): Promise<number> {
  await using fixture = await startServer();
  const counted = countCalls(memoryDevice(Buffer.alloc(FUZZED_BYTES)));
  fixture.server.addExport(FUZZED_EXPORT, counted.device);
  const bystander = await fixture.connect();
  await bystander.go(FUZZED_EXPORT);
  let frames = 0;

  const harmless = fc.asyncProperty(conversation, async (said) => {
    const client = await fixture.connect();
    client.socket.removeAllListeners("data").resume();
    await hold(client.socket, said);
    frames += said.frames.length;
    bystander.request({ type: 3, cookie: frames });
    const reply = await bystander.reply();
    if (reply.error !== 0 || reply.cookie !== frames) throw new Error("the bystander got another reply");
    await counted.idle();
    fixture.log.length = 0;
  });
  await fc.assert(harmless, { numRuns: options.conversations, seed: options.seed, timeout: HANG_MS });
  return frames;
}

async function hold(socket: Socket, { frames, leaves }: Conversation): Promise<void> {
  if (socket.closed) return;
  const closed = once(socket, "close");
  // A server that drops the connection under a write makes it fail, which is its right.
  socket.on("error", () => {});
  for (const frame of frames) socket.write(frame);
  if (leaves === "disconnect") socket.write(requestFrame({ type: 2 }));
  if (leaves === "destroy") socket.destroy();
  else socket.end();
  await closed;
}

/** The device, and a promise of its having no call to settle. */
function countCalls(device: BlockDevice): { device: BlockDevice; idle(): Promise<void> } {
  const running = new Set<Promise<unknown>>();
  const track = <T>(call: Promise<T>): Promise<T> => {
    const settled = call.then(
      () => {},
      () => {},
    );
    running.add(settled);
    void settled.then(() => running.delete(settled));
    return call;
  };
  return {
    device: {
      ...device,
      read: (offset, length) => track(device.read(offset, length)),
      write: (offset, data) => track(device.write(offset, data)),
      writeZeroes: (offset, length) => track(device.writeZeroes(offset, length)),
      trim: (offset, length) => track(device.trim(offset, length)),
      flush: () => track(device.flush()),
    },
    idle: async () => {
      await Promise.all(running);
    },
  };
}
