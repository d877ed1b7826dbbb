import { expect, it } from "vitest";
import type { Answer } from "../../src/client/client.js";
import { startNewerPeers } from "../support/newer-peers.js";
import { gibbsHub, start, startClient } from "../support/running.js";
import { build, isOf, languages } from "./languages.js";

const sdks = languages.flatMap((one) => (one.ask ? [{ ...one, ask: one.ask }] : []));

it.for(sdks)(
  "the hub and the $name SDK tolerate each other's next version",
  {
    timeout: 15 * 60_000,
  },
  async (sdk, { skip }) => {
    if (!(await build(sdk))) skip();
    const hub = await gibbsHub();
    const peers = await startNewerPeers(hub);
    const env = { GIBBS_HUB: peers.address };
    const [command, ...args] = sdk.square;
    const worker = start(command, args, { env });
    const [asker, ...how] = sdk.ask;

    const asked = start(asker, [...how, "square", "34"], { env });
    expect((await asked.ended).stdout.trim()).toBe("1156");
    for (const transport of ["multiplex", "unary"] as const) {
      const client = startClient(peers.address, { transport });
      const square = (x: number): Promise<Answer<number>> =>
        client.requestWithInfo<number>(x, { method: "square" });
      const answers = await Promise.all([1, 2, 3].map(square));
      expect(answers.map(({ output }) => output)).toEqual([1, 4, 9]);
      expect(answers.filter((answer) => !isOf(worker, answer))).toEqual([]);
      const late = client.request(1, { method: "square", queueTimeoutMs: 0 });
      await expect(late).rejects.toMatchObject({ reason: "QUEUE_TIMEOUT" });
    }

    worker.process.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
    const names =
      "Hello Ready Result Welcome Job Call CallResponse CallStatus MultiplexSettings CallInfo";
    expect(Array.from(peers.grown)).toEqual(
      expect.arrayContaining(names.split(" ").map((name) => `gibbs.v1.${name}`)),
    );
  },
);
