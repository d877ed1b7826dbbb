/**
 * The contract, for use with your own gRPC library: the generated messages and services of
 * `gibbs.v1`, and a helper that makes the services usable with grpc-js and nice-grpc.
 *
 * @module gibbs/proto
 */

export { GibbsError } from "../base/errors/error.js";
export * from "../gen/gibbs/v1/hub_pb.js";
export * from "../gen/gibbs/v1/payload_pb.js";
export * from "../gen/gibbs/v1/worker_pb.js";
export { type Definition, definition, type MethodDefinition } from "./grpc/definition.js";
export { DETAILS_KEY, fromStatus } from "./grpc/status.js";
