import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type ClientItem as AnyClientItem,
  type HubItem as AnyHubItem,
  ClientItemSchema,
  HubItemSchema,
  type RequestOptions,
  RequestOptionsSchema,
} from "../gen/gibbs/v1/hub_pb.js";
import { decodeBatch, encodeBatches, MAX_BATCH_BYTES } from "./batch.js";
import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import type { KeptBytes } from "./bytes.js";
import { type MetadataEntry, metadataBytes, readMetadataEntry, writeMetadata } from "./metadata.js";
import { WireType } from "./wire-type.js";

// Calls and responses, of which every request has one each, are written and read
// here by hand; all other items by protobuf-es. A test holds both alike.

type Item<T extends { item: { case: unknown } }, C> = Exclude<T["item"], { case: C }>;

/** A `gibbs.v1.Call`. */
export interface Call<Payload extends KeptBytes = Uint8Array> {
  payload: Payload;
  method: string;
  options?: RequestOptions | undefined;
  timeoutMs?: number | undefined;
  metadata: MetadataEntry[];
}

/** A `gibbs.v1.CallResponse`. */
export interface CallResponse {
  payload: Uint8Array;
  requestId: string;
  workerId: string;
  attempts: number;
  queueTimeMs: number;
  runTimeMs: number;
}

/** An item of a client as it is read. */
export interface ClientItem {
  id: number;
  item: { case: "call"; value: Call<KeptBytes> } | Item<AnyClientItem, "call">;
}

/** An item of the hub as it is read. */
export interface HubItem {
  id: number;
  item: { case: "response"; value: CallResponse } | Item<AnyHubItem, "response">;
}

/** An item of a client as it is written. */
export interface ClientItemInit {
  id: number;
  item: { case: "call"; value: Call } | { case: "cancel"; value: object };
}

/** An item of the hub as it is written. */
export interface HubItemInit {
  id: number;
  item:
    | { case: "response"; value: CallResponse }
    | Exclude<NonNullable<MessageInitShape<typeof HubItemSchema>["item"]>, { case: "response" }>;
}

/** What an item takes beside its payload, metadata and status, at most. */
const ITEM_OVERHEAD_BYTES = 2048;

/** A status with its message and details, at most. */
const MAX_STATUS_BYTES = 6 * 1024;

/** Encodes items of a client into as few `gibbs.v1.MultiplexRequest` as the batch size allows. */
export function encodeClientItems(items: readonly ClientItemInit[]): Buffer[] {
  return encodeBatches(items, MAX_BATCH_BYTES, clientItemBytes, writeClientItem);
}

/** Encodes items of the hub into as few `gibbs.v1.MultiplexResponse` as the batch size allows. */
export function encodeHubItems(items: readonly HubItemInit[]): Buffer[] {
  return encodeBatches(items, MAX_BATCH_BYTES, hubItemBytes, writeHubItem);
}

/**
 * The items of an encoded `gibbs.v1.MultiplexRequest`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeClientItems(encoded: Uint8Array): ClientItem[] {
  return decodeBatch(encoded, readClientItem);
}

/**
 * The items of an encoded `gibbs.v1.MultiplexResponse`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeHubItems(encoded: Uint8Array): HubItem[] {
  return decodeBatch(encoded, (reader) =>
    readItem(reader, readResponse, "response", HubItemSchema),
  );
}

function clientItemBytes({ item }: ClientItemInit): number {
  if (item.case !== "call") return ITEM_OVERHEAD_BYTES;
  return ITEM_OVERHEAD_BYTES + item.value.payload.length + metadataBytes(item.value.metadata);
}

function hubItemBytes({ item }: HubItemInit): number {
  if (item.case === "status") return MAX_STATUS_BYTES;
  return ITEM_OVERHEAD_BYTES + (item.case === "response" ? item.value.payload.length : 0);
}

function writeClientItem(writer: ByteWriter, { id, item }: ClientItemInit): void {
  if (item.case !== "call") {
    const cancel = create(ClientItemSchema, { id, item: { case: "cancel", value: {} } });
    return writer.presentBytes(1, toBinary(ClientItemSchema, cancel));
  }
  const { payload, method, options, timeoutMs, metadata } = item.value;
  const encodedOptions =
    options === undefined ? undefined : toBinary(RequestOptionsSchema, options);
  const optionsBytes = encodedOptions?.length ?? 0;
  writer.reserve(payload.length + optionsBytes + metadataBytes(metadata), method.length);
  const guess = payload.length + method.length + optionsBytes + 12;
  writer.begin(1, guess + 8);
  writer.uint32(1, id);
  writer.begin(2, guess);
  writer.bytes(1, payload);
  writer.string(2, method);
  if (encodedOptions !== undefined) writer.bytes(3, encodedOptions);
  if (timeoutMs !== undefined) writer.presentUint32(4, timeoutMs);
  writeMetadata(writer, 5, metadata);
  writer.end();
  writer.end();
}

function writeHubItem(writer: ByteWriter, { id, item }: HubItemInit): void {
  if (item.case !== "response") {
    const message = create(HubItemSchema, { id, item });
    return writer.presentBytes(1, toBinary(HubItemSchema, message));
  }
  const { payload, requestId, workerId, attempts, queueTimeMs, runTimeMs } = item.value;
  writer.reserve(payload.length, requestId.length + workerId.length);
  const guess = payload.length + requestId.length + workerId.length + 28;
  writer.begin(1, guess + 8);
  writer.uint32(1, id);
  writer.begin(2, guess);
  writer.bytes(1, payload);
  writer.string(2, requestId);
  writer.string(3, workerId);
  writer.uint32(4, attempts);
  writer.double(5, queueTimeMs);
  writer.double(6, runTimeMs);
  writer.end();
  writer.end();
}

function readClientItem(reader: ByteReader): ClientItem {
  const read: ClientItem = readItem(reader, readCall, "call", ClientItemSchema);
  if (!("$typeName" in read) || read.item.case !== "call") return read;
  // protobuf-es gives views, which would keep the whole message alive.
  const { payload, metadata, ...call } = read.item.value;
  const kept = metadata.map(({ key, value }) => ({ key, value: value.slice() }));
  return {
    id: read.id,
    item: { case: "call", value: { ...call, payload: payload.slice(), metadata: kept } },
  };
}

/** An item whose one-of is its field 2 is read by hand, others by protobuf-es. */
function readItem<C extends string, V, S extends typeof ClientItemSchema | typeof HubItemSchema>(
  reader: ByteReader,
  readHot: (reader: ByteReader) => V,
  name: C,
  schema: S,
): { id: number; item: { case: C; value: V } } | ReturnType<typeof fromBinary<S>> {
  const from = reader.position;
  let id = 0;
  let value: V | undefined;
  while (reader.next()) {
    if (reader.is(1, WireType.VARINT)) id = reader.uint32();
    else if (reader.is(2, WireType.LENGTH_DELIMITED) && value === undefined)
      value = readHot(reader);
    else return fromBinary(schema, reader.whole(from));
  }
  if (value === undefined) return fromBinary(schema, reader.whole(from));
  return { id, item: { case: name, value } };
}

function readCall(reader: ByteReader): Call<KeptBytes> {
  const call: Call<KeptBytes> = { payload: "", method: "", metadata: [] };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.LENGTH_DELIMITED)) call.payload = reader.bytesToKeep();
    else if (reader.is(2, WireType.LENGTH_DELIMITED)) call.method = reader.string();
    else if (reader.is(3, WireType.LENGTH_DELIMITED)) {
      call.options = fromBinary(RequestOptionsSchema, reader.bytes());
    } else if (reader.is(4, WireType.VARINT)) call.timeoutMs = reader.uint32();
    else if (reader.is(5, WireType.LENGTH_DELIMITED)) {
      call.metadata.push(readMetadataEntry(reader));
    } else reader.skip();
  }
  reader.leave(outer);
  return call;
}

function readResponse(reader: ByteReader): CallResponse {
  const response: CallResponse = {
    payload: EMPTY,
    requestId: "",
    workerId: "",
    attempts: 0,
    queueTimeMs: 0,
    runTimeMs: 0,
  };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.LENGTH_DELIMITED)) response.payload = reader.bytes();
    else if (reader.is(2, WireType.LENGTH_DELIMITED)) response.requestId = reader.string();
    else if (reader.is(3, WireType.LENGTH_DELIMITED)) response.workerId = reader.string();
    else if (reader.is(4, WireType.VARINT)) response.attempts = reader.uint32();
    else if (reader.is(5, WireType.FIXED64)) response.queueTimeMs = reader.double();
    else if (reader.is(6, WireType.FIXED64)) response.runTimeMs = reader.double();
    else reader.skip();
  }
  reader.leave(outer);
  return response;
}

const EMPTY: Uint8Array = new Uint8Array();
