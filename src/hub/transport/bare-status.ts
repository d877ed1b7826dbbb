import { Metadata, type StatusObject, type status } from "@grpc/grpc-js";

/** A status from the transport, which says nothing about a request. */
export function bareStatus(code: status, details: string): StatusObject {
  return { code, details, metadata: new Metadata() };
}
