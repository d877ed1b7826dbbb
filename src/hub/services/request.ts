import { readRequest, writeResponse } from "../../wire/messages/request.js";
import type { CallHandler } from "../transport/server-call.js";
import { type Envelope, type UnaryContext, unaryHandler } from "./unary-call.js";

/**
 * The maximum size of a request message besides its payload; a method and options need less. The
 * whole message is kept, but only its payload is counted.
 */
const MAX_BESIDES_BYTES = 16 * 1024;

/** The messages of `HubService.Request`. */
const requestEnvelope: Envelope = {
  requestType: "RequestRequest",

  read(message) {
    const request = readRequest(message);
    const besides = message.length - request.payload.length;
    if (besides <= MAX_BESIDES_BYTES) return request;
    throw new Error(`${besides} bytes besides its payload`);
  },

  write: writeResponse,
};

/** The handler of `HubService.Request`. */
export function requestHandler(context: UnaryContext): CallHandler {
  return unaryHandler(requestEnvelope, context);
}
