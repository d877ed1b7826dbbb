import type { KeptBytes } from "../../base/bytes.js";
import {
  type ClientItem as AnyClientItem,
  appendMultiplexRequest,
  appendMultiplexResponse,
  type ClientItemInit,
  type HubItem,
  type HubItemInit,
  readMultiplexRequest,
  readMultiplexResponse,
} from "../../gen/gibbs/v1/hub_codec.js";
import { ByteReader } from "../../protobuf/byte-reader.js";
import { encodeBatches, MAX_BATCH_BYTES } from "./batch.js";
import { metadataBytes } from "./metadata.js";

export type {
  Call,
  CallResponse,
  ClientItemInit,
  HubItem,
  HubItemInit,
} from "../../gen/gibbs/v1/hub_codec.js";

/** An item of a client as it is read. */
export type ClientItem = AnyClientItem<KeptBytes>;

/** What an item takes beside its payload, metadata and status, at most. */
const ITEM_OVERHEAD_BYTES = 2048;

/** A status with its message and details, at most. */
const MAX_STATUS_BYTES = 6 * 1024;

/** Encodes items of a client into as few `gibbs.v1.MultiplexRequest` as the batch size allows. */
export function encodeClientItems(items: readonly ClientItemInit[]): Buffer[] {
  return encodeBatches(items, MAX_BATCH_BYTES, clientItemBytes, appendMultiplexRequest);
}

/** Encodes items of the hub into as few `gibbs.v1.MultiplexResponse` as the batch size allows. */
export function encodeHubItems(items: readonly HubItemInit[]): Buffer[] {
  return encodeBatches(items, MAX_BATCH_BYTES, hubItemBytes, appendMultiplexResponse);
}

/**
 * The items of an encoded `gibbs.v1.MultiplexRequest`.
 *
 * @throws Error if the bytes are not such a message.
 */
export function decodeClientItems(encoded: Uint8Array): ClientItem[] {
  return readMultiplexRequest(new ByteReader(encoded));
}

/**
 * The items of an encoded `gibbs.v1.MultiplexResponse`.
 *
 * @throws Error if the bytes are not such a message.
 */
export function decodeHubItems(encoded: Uint8Array): HubItem[] {
  return readMultiplexResponse(new ByteReader(encoded));
}

function clientItemBytes({ item }: ClientItemInit): number {
  if (item.case !== "call") return ITEM_OVERHEAD_BYTES;
  return ITEM_OVERHEAD_BYTES + item.value.payload.length + metadataBytes(item.value.metadata);
}

function hubItemBytes({ item }: HubItemInit): number {
  if (item.case === "status") return MAX_STATUS_BYTES;
  return ITEM_OVERHEAD_BYTES + (item.case === "response" ? item.value.payload.length : 0);
}
