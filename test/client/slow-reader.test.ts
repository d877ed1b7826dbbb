import { once } from "node:events";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { Client } from "../../src/client/client.js";

it.each(["multiplex", "unary"] as const)(
  "learns why its answers were reset, %s",
  async (transport) => {
    const hub = createServer();
    hub.on("stream", (stream) => {
      stream.on("error", () => {});
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    hub.listen(0, "127.0.0.1");
    await once(hub, "listening");
    const client = new Client(`127.0.0.1:${(hub.address() as AddressInfo).port}`, { transport });
    onTestFinished(() => {
      client.close();
      hub.close();
    });
    await expect(client.request(34)).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "SLOW_READER",
    });
  },
);
