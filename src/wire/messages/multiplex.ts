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

/** A decoded item from a client. */
export type ClientItem = AnyClientItem<KeptBytes>;

/** Upper bound for the size of an item without its payload, metadata and status. */
const ITEM_OVERHEAD_BYTES = 2048;

/** Upper bound for the size of a status with its message and details. */
const MAX_STATUS_BYTES = 6 * 1024;

/**
 * Encodes client items into as few `gibbs.v1.MultiplexRequest` messages as the batch size allows.
 */
export function encodeClientItems(items: readonly ClientItemInit[]): Buffer[] {
  return encodeBatches(items, MAX_BATCH_BYTES, clientItemBytes, appendMultiplexRequest);
}

/** Encodes hub items into as few `gibbs.v1.MultiplexResponse` messages as the batch size allows. */
export function encodeHubItems(items: readonly HubItemInit[]): Buffer[] {
  return encodeBatches(items, MAX_BATCH_BYTES, hubItemBytes, appendMultiplexResponse);
}

/**
 * Decodes the items of a `gibbs.v1.MultiplexRequest`.
 *
 * @throws Error if the bytes are not such a message.
 */
export function decodeClientItems(encoded: Uint8Array): ClientItem[] {
  return readMultiplexRequest(new ByteReader(encoded));
}

/**
 * Decodes the items of a `gibbs.v1.MultiplexResponse`.
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
