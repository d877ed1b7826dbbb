import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type ClientItem,
  type ClientItemSchema,
  type HubItem,
  type HubItemSchema,
  MultiplexRequestSchema,
  MultiplexResponseSchema,
} from "../gen/gibbs/v1/hub_pb.js";
import { batches, MAX_BATCH_BYTES, sizeOf } from "./batch.js";
import { asBuffer } from "./bytes.js";

export type { Call, CallResponse, ClientItem, HubItem } from "../gen/gibbs/v1/hub_pb.js";

/** An item of a client as it is written: `{ id: 1, item: { case: "cancel", value: {} } }`. */
export type ClientItemInit = MessageInitShape<typeof ClientItemSchema>;

/** An item of the hub as it is written. */
export type HubItemInit = MessageInitShape<typeof HubItemSchema>;

/** A status with its message and details, at most. */
const MAX_STATUS_BYTES = 6 * 1024;

/** Encodes items of a client into as few messages as the batch size allows. */
export function encodeClientItems(items: readonly ClientItemInit[]): Buffer[] {
  return batches(items, MAX_BATCH_BYTES, ({ item }) => {
    if (item?.case !== "call") return 0;
    const { payload, metadata = [] } = item.value;
    return metadata.reduce((sum, { value }) => sum + sizeOf(value) + 300, sizeOf(payload));
  }).map((batch) =>
    asBuffer(toBinary(MultiplexRequestSchema, create(MultiplexRequestSchema, { items: batch }))),
  );
}

/** Encodes items of the hub into as few messages as the batch size allows. */
export function encodeHubItems(items: readonly HubItemInit[]): Buffer[] {
  return batches(items, MAX_BATCH_BYTES, ({ item }) => {
    if (item?.case === "status") return MAX_STATUS_BYTES;
    return item?.case === "response" ? sizeOf(item.value.payload) : 0;
  }).map((batch) =>
    asBuffer(toBinary(MultiplexResponseSchema, create(MultiplexResponseSchema, { items: batch }))),
  );
}

/**
 * The items of an encoded `gibbs.v1.MultiplexRequest`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeClientItems(encoded: Uint8Array): ClientItem[] {
  return fromBinary(MultiplexRequestSchema, encoded).items;
}

/**
 * The items of an encoded `gibbs.v1.MultiplexResponse`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeHubItems(encoded: Uint8Array): HubItem[] {
  return fromBinary(MultiplexResponseSchema, encoded).items;
}
