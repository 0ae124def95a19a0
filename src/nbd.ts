/**
 * `tplgraph/nbd`: images as disks for programs of others. `openDisks` has all of it, released at the end of a scope;
 * below it are its parts: the NBD server for any `BlockDevice`, and copy-on-write views of images.
 */

export { type Disks, type OpenDisk, type OpenDisksOptions, openDisks, type ScopedDisk } from "./disks.ts";
export type { ImageArtifact } from "./engine/artifact.ts";
export type { BlobStore } from "./engine/blobs.ts";
export { ArtifactDamaged, TplError } from "./engine/errors.ts";
export type { Disk, MountOptions } from "./engine/plugin/disk.ts";
export type { BlockDevice, Extent } from "./image/device.ts";
export { type DeviceErrorCode, deviceError } from "./image/device-error.ts";
export { type ImportOptions, importFile } from "./image/import.ts";
export { type LoopbackAddress, NbdServer, type NbdServerOptions } from "./image/nbd/server.ts";
export { loadMap } from "./image/stored-map.ts";
export { type CowView, type OpenViewOptions, openView, type ViewStats } from "./image/view.ts";
export { type OpenStoreOptions, openStore, type Store } from "./store/store.ts";
