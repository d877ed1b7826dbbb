import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { WireType } from "@bufbuild/protobuf/wire";
import {
  Client,
  credentials,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { HubService, PayloadSchema, WorkerService } from "../../src/wire/index.js";

/** Fields that no version has defined yet, one of each wire type. */
const $unknown = [
  { no: 3000, wireType: WireType.Varint, data: new Uint8Array([0xac, 0x02]) },
  { no: 3001, wireType: WireType.Bit64, data: new Uint8Array(8).fill(7) },
  { no: 3002, wireType: WireType.LengthDelimited, data: new Uint8Array([2, 0x68, 0x69]) },
  { no: 3003, wireType: WireType.Bit32, data: new Uint8Array(4).fill(7) },
];
const unknownBytes = toBinary(PayloadSchema, Object.assign(create(PayloadSchema), { $unknown }));

/**
 * A gRPC proxy that makes both sides look like a newer minor version. Opened by {@link
 * startNewerPeers}.
 */
interface NewerPeers {
  address: string;
  /** The names of the messages that it has extended. */
  grown: Set<string>;
}

/**
 * Starts a proxy to the hub, closed when the test ends. It adds unknown fields to every message in
 * either direction and to everything within it, unknown events to every batch, and a feature to
 * `hello` and `welcome`.
 */
export async function startNewerPeers(hub: { address: string }): Promise<NewerPeers> {
  const grown = new Set<string>();
  const onward = new Client(hub.address, credentials.createInsecure());
  const server = new Server();
  for (const service of [HubService, WorkerService]) {
    for (const { name, input, output, methodKind } of service.methods) {
      const path = `/${service.typeName}/${name}`;
      const up = (bytes: Buffer): Buffer => grow(input, bytes, grown);
      const down = (bytes: Buffer): Buffer => grow(output, bytes, grown);
      const handle =
        methodKind === "unary"
          ? relayCall(onward, path, up, down)
          : relayStream(onward, path, up, down);
      const type = methodKind === "unary" ? "unary" : "bidi";
      server.register(path, handle, asIs, asIs, type);
    }
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  onTestFinished(() => {
    server.forceShutdown();
    onward.close();
  });
  return { address: `127.0.0.1:${port}`, grown };
}

type Change = (bytes: Buffer) => Buffer;
const asIs: Change = (bytes) => bytes;

function relayCall(onward: Client, path: string, up: Change, down: Change) {
  const handle: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    const options = { deadline: call.getDeadline() };
    const sent = onward.makeUnaryRequest(
      path,
      up,
      down,
      call.request,
      call.metadata,
      options,
      (error, response) => answer(error, response),
    );
    call.on("cancelled", () => sent.cancel());
  };
  return handle;
}

function relayStream(onward: Client, path: string, up: Change, down: Change) {
  const handle: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    const sent = onward.makeBidiStreamRequest<Buffer, Buffer>(path, up, down, call.metadata);
    call.on("data", (message: Buffer) => sent.write(message));
    call.on("end", () => sent.end());
    call.on("cancelled", () => sent.cancel());
    sent.on("data", (message: Buffer) => call.write(message));
    sent.on("status", (status) => {
      if (status.code === 0) call.end();
      else call.emit("error", status);
    });
    // The status reports the error.
    sent.on("error", () => {});
  };
  return handle;
}

function grow(schema: DescMessage, bytes: Buffer, grown: Set<string>): Buffer {
  const message = reflect(schema, fromBinary(schema, bytes));
  growWithin(message, grown);
  addUnknownEvents(message);
  return Buffer.from(toBinary(schema, message.message));
}

function growWithin(message: ReflectMessage, grown: Set<string>): void {
  if (!message.desc.typeName.startsWith("gibbs.v1.")) return;
  grown.add(message.desc.typeName);
  message.setUnknown($unknown);
  for (const field of message.fields) {
    if (field.name === "features" && field.fieldKind === "list") {
      message.get(field).add("gibbs.v1.tomorrow");
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const one of message.get(field)) growWithin(one as ReflectMessage, grown);
    } else if (field.fieldKind === "message" && message.isSet(field)) {
      growWithin(message.get(field), grown);
    } else if (field.name === "payload" && message.isSet(field)) {
      message.set(field, Buffer.concat([message.get(field) as Uint8Array, unknownBytes]));
    }
  }
}

/** Adds an unknown event or item after each one, and also before one that ends a call. */
function addUnknownEvents(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (field.fieldKind !== "list" || !["events", "items"].includes(field.name)) continue;
    const batch = message.get(field);
    const known = Array.from(batch) as ReflectMessage[];
    batch.clear();
    for (const one of known) {
      const { response, status } = one.desc.field;
      const ends = [response, status].some((kind) => kind !== undefined && one.isSet(kind));
      for (const next of ends ? [unknown(one), one] : [one]) batch.add(next);
      batch.add(unknown(one));
    }
  }
}

/** Returns an unknown event or item, with the id of `like`. */
function unknown(like: ReflectMessage): ReflectMessage {
  const { id } = like.desc.field;
  const event = reflect(like.desc);
  event.setUnknown($unknown);
  if (id !== undefined) event.set(id, like.get(id));
  return event;
}
