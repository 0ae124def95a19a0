/**
 * Images: a block device's content as a map of chunks, opened as copy-on-write views, sealed, moved in and out
 * of files, served over NBD.
 */
export type { BlockDevice, Extent } from "./device.ts";
export { type DeviceErrorCode, deviceError } from "./device-error.ts";
export { exportImage } from "./export.ts";
export { type ImportOptions, importFile, type TransferOptions } from "./import.ts";
export { CHUNK_BYTES, type ChunkMap, chunkDigests, digestOf, emptyMap, withChanges } from "./map.ts";
export { decodeMap, encodeMap } from "./map-format.ts";
export { type LoopbackAddress, NbdServer, type NbdServerOptions } from "./nbd/server.ts";
export { imageParts, loadMap, mapDigest, storeMap } from "./stored-map.ts";
export { type CowView, type OpenViewOptions, openView, type ViewStats } from "./view.ts";
