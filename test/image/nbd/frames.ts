/**
 * Generated conversations of a client that does not keep to the protocol: frames that are right, wrong, cut short,
 * damaged, out of order and out of phase.
 */
import fc from "fast-check";
import { infoRequest, metaContextQuery, optionFrame, requestFrame, u32 } from "./raw-client.ts";

export interface Conversation {
  frames: Buffer[];
  /** How the client goes: saying so, without a word, or in the middle of it all. */
  leaves: "disconnect" | "end" | "destroy";
}

export const FUZZED_EXPORT = "disk";
export const FUZZED_BYTES = 65536;

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const u32s = fc.oneof(fc.nat(300), fc.nat(2 * FUZZED_BYTES), fc.nat(0xffffffff));
const name = fc.oneof({ weight: 4, arbitrary: fc.constant(FUZZED_EXPORT) }, fc.string());
const query = fc.oneof(
  fc.constantFrom("base:", "base:allocation", "x-tplgraph:", "x-tplgraph:dirty", "qemu:", ""),
  fc.string(),
);

const optionData = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  bytes(60),
  fc.tuple(name, fc.array(fc.nat(5), { maxLength: 4 })).map(([of, types]) => infoRequest(of, types)),
  fc.tuple(name, fc.array(query, { maxLength: 4 })).map(([of, queries]) => metaContextQuery(of, queries)),
);
const option = fc
  .tuple(fc.oneof(fc.nat(12), u32s), optionData)
  .map(([type, data]) => optionFrame(type, data));

const request = fc
  .record({
    type: fc.oneof(fc.nat(8), fc.nat(0xffff)),
    flags: fc.oneof(fc.nat(31), fc.nat(0xffff)),
    offset: fc.oneof(fc.nat(FUZZED_BYTES), fc.bigInt(0n, 2n ** 64n - 1n)),
    length: u32s,
    cookie: fc.nat(),
  })
  .map(requestFrame);
/** A write whose payload is there, so that what follows it is in step. */
const write = fc
  .tuple(fc.nat(FUZZED_BYTES), bytes(200))
  .map(([offset, payload]) =>
    Buffer.concat([requestFrame({ type: 1, offset, length: payload.length }), payload]),
  );

const whole = fc.oneof(option, request, write);
const cut = fc.tuple(whole, fc.nat()).map(([frame, at]) => frame.subarray(0, at % (frame.length + 1)));
const damaged = fc.tuple(whole, fc.nat(), fc.nat(255)).map(([frame, at, value]) => {
  const copy = Buffer.from(frame);
  copy[at % copy.length] = value;
  return copy;
});
const frame = fc.oneof(
  { weight: 12, arbitrary: request },
  { weight: 4, arbitrary: option },
  { weight: 4, arbitrary: write },
  { weight: 1, arbitrary: cut },
  { weight: 1, arbitrary: damaged },
  { weight: 1, arbitrary: bytes(64) },
);

/** So that most conversations get as far as the transmission phase. */
const beginning = fc.constantFrom(
  [],
  [u32(3)],
  [u32(3), optionFrame(1, Buffer.from(FUZZED_EXPORT))],
  [u32(3), optionFrame(7, infoRequest(FUZZED_EXPORT))],
  [
    u32(1),
    optionFrame(8, Buffer.alloc(0)),
    optionFrame(10, metaContextQuery(FUZZED_EXPORT, ["base:allocation", "x-tplgraph:dirty"])),
    optionFrame(7, infoRequest(FUZZED_EXPORT)),
  ],
);

export const conversation: fc.Arbitrary<Conversation> = fc.record({
  frames: fc
    .tuple(beginning, fc.array(frame, { maxLength: 30, size: "max" }))
    .map(([first, rest]) => [...first, ...rest]),
  leaves: fc.constantFrom("disconnect", "end", "destroy"),
});
