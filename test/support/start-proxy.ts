import { onTestFinished } from "vitest";
import { parseAddress } from "../../src/base/address.js";
import { TcpProxy } from "./tcp-proxy.js";

/** Starts an open proxy in front of the hub at `address`, closed when the test ends. */
export async function startProxy({ address }: { address: string }): Promise<TcpProxy> {
  const proxy = new TcpProxy(parseAddress(address));
  await proxy.setDoor("open");
  onTestFinished(() => proxy.close());
  return proxy;
}
