import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { type Address, formatAddress } from "../base/address.js";
import { type Clock, delay } from "../base/clock.js";
import { GibbsError } from "../base/error.js";

/**
 * Binds `server` and returns where it listens, with the port that was taken.
 *
 * @throws GibbsError FAILED_PRECONDITION: ADDRESS_IN_USE, or LISTEN_FAILED.
 */
export function bind(server: Server, address: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    const text = formatAddress(address);
    server.bindAsync(text, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) return resolve("path" in address ? address : { ...address, port });
      const inUse = error.message.includes("EADDRINUSE");
      const message = inUse
        ? `${text} is in use: stop what listens there, or choose another address`
        : `cannot listen at ${text}: ${error.message}`;
      const reason = inUse ? "ADDRESS_IN_USE" : "LISTEN_FAILED";
      reject(new GibbsError("FAILED_PRECONDITION", message, { reason, cause: error }));
    });
  });
}

/** Lets answers that are being written go out, for `graceMs` at most, then closes every connection. */
export async function shutdown(server: Server, clock: Clock, graceMs: number): Promise<void> {
  const patience = new AbortController();
  const gone = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  await Promise.race([gone, delay(clock, graceMs, patience.signal)]);
  patience.abort();
  server.forceShutdown();
}
