import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { asBuffer, asPlainBytes } from "../../base/bytes.js";

/**
 * One method in the form that both grpc-js and nice-grpc read. `In` is the type sent, `Out` the
 * type received.
 */
export interface MethodDefinition<
  RequestIn,
  RequestOut,
  ResponseIn,
  ResponseOut,
  RequestStream extends boolean,
  ResponseStream extends boolean,
> {
  /** `/package.Service/Method`. */
  path: string;
  /** Whether the client sends a stream. */
  requestStream: RequestStream;
  /** Whether the server sends a stream. */
  responseStream: ResponseStream;
  /** Encodes a request, which may be a plain object in protobuf-es's init shape. */
  requestSerialize(value: RequestIn): Buffer;
  /** Decodes a request. Throws if the bytes are malformed. */
  requestDeserialize(bytes: Uint8Array): RequestOut;
  /** Encodes a response, which may be a plain object in protobuf-es's init shape. */
  responseSerialize(value: ResponseIn): Buffer;
  /** Decodes a response. Throws if the bytes are malformed. */
  responseDeserialize(bytes: Uint8Array): ResponseOut;
  /** Read by nice-grpc; always empty. */
  options: { idempotencyLevel?: "IDEMPOTENT" | "NO_SIDE_EFFECTS" };
}

type DefinitionOf<M extends GenServiceMethods[string]> = MethodDefinition<
  MessageInitShape<M["input"]>,
  MessageShape<M["input"]>,
  MessageInitShape<M["output"]>,
  MessageShape<M["output"]>,
  M["methodKind"] extends "client_streaming" | "bidi_streaming" ? true : false,
  M["methodKind"] extends "server_streaming" | "bidi_streaming" ? true : false
>;

/**
 * A protobuf-es service in the form that both grpc-js and nice-grpc read, keyed by method:
 * `request` for `Request`.
 */
export type Definition<S extends GenServiceMethods> = { [K in keyof S]: DefinitionOf<S[K]> };

/**
 * Makes a protobuf-es service usable with grpc-js (`new Server().addService`,
 * `makeGenericClientConstructor`) and with nice-grpc (`createClient`). Messages
 * may be sent as plain objects in protobuf-es's init shape.
 */
export function definition<S extends GenServiceMethods>(service: GenService<S>): Definition<S> {
  const entries = service.methods.map((method) => [method.localName, defineMethod(method)]);
  return Object.fromEntries(entries) as Definition<S>;
}

/** The HTTP/2 path of a method: `/package.Service/Method`. */
function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function defineMethod(method: DescMethod): unknown {
  const kind = method.methodKind;
  return {
    path: methodPath(method),
    requestStream: kind === "client_streaming" || kind === "bidi_streaming",
    responseStream: kind === "server_streaming" || kind === "bidi_streaming",
    requestSerialize: serializer(method.input),
    requestDeserialize: (bytes: Uint8Array) => fromBinary(method.input, asPlainBytes(bytes)),
    responseSerialize: serializer(method.output),
    responseDeserialize: (bytes: Uint8Array) => fromBinary(method.output, asPlainBytes(bytes)),
    options: {},
  };
}

function serializer<D extends DescMessage>(schema: D): (value: MessageInitShape<D>) => Buffer {
  return (value) => asBuffer(toBinary(schema, create(schema, value)));
}
