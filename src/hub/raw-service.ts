import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { definition } from "../wire/definition.js";

/**
 * A service for grpc-js whose messages stay bytes: its handlers decode them, so
 * that a message that does not decode gets a status of ours, and a payload is
 * not decoded at all.
 */
export function rawService<S extends GenServiceMethods>(service: GenService<S>): ServiceDefinition {
  const pass = (bytes: Buffer): Buffer => bytes;
  const raw = {
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  return Object.fromEntries(
    Object.entries(definition(service)).map(([name, method]) => [name, { ...method, ...raw }]),
  );
}
