import { check, expecting } from "../kit/expectation.js";
import { Model } from "../kit/model.js";
import type { SentJob } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** The `hub_timeout_ms` of a hub that then falls silent. */
const HUB_TIMEOUT_MS = 1000;

/** How long the jobs run before the worker gets a heartbeat, in milliseconds. */
const BUSY_MS = 300;

/** Heartbeats and silence. */
export const liveness: readonly Scenario[] = [
  {
    id: "echo-heartbeat",
    title: "an idle worker answers each heartbeat",
    rules: ["13.2"],
    needs: [],
    async run(kit) {
      const session = await kit.cleanSession();
      for (let beat = 0; beat < 3; beat += 1) {
        const answered = await session.heartbeat(kit.times.answerTimeoutMs);
        const got = `none came, and the stream is ${session.stream.state}`;
        check(
          answered && session.stream.state === "open",
          expecting("a `heartbeat` in answer", "13.2"),
          got,
        );
      }
    },
  },
  {
    id: "beats-while-computing",
    title: "a worker that declares ALWAYS answers heartbeats while all its slots compute",
    rules: ["13.4"],
    needs: [Model.HOLD],
    notClaimed: ({ beatsWhileBusy }) => (beatsWhileBusy ? undefined : "it does not declare ALWAYS"),
    async run(kit) {
      const session = await kit.cleanSession();
      const { workMs, answerTimeoutMs } = kit.times;
      await session.awaitCredit(session.slots, expecting("every slot given back", "6.2"));
      const method = kit.offers(Model.BLOCK) ? Model.BLOCK : Model.HOLD;
      const busy: SentJob[] = [];
      for (let slot = 0; slot < session.slots; slot += 1) {
        busy.push(await session.sendJob(method, workMs));
      }
      await kit.pause(BUSY_MS);
      await session.heartbeat(workMs + answerTimeoutMs);
      const { received } = session.stream;
      const first = Math.min(
        ...busy.map((job) => {
          const [end] = session.terminalEvents(job);
          return end === undefined ? received.length : received.indexOf(end);
        }),
      );
      const beats = received
        .slice(busy[0]?.receivedBefore, first)
        .some(({ case: kind }) => kind === "heartbeat");
      const alive = expecting(
        `a \`heartbeat\` in answer while ${method} computes for ${workMs} ms`,
        "13.4",
      );
      check(beats, alive, "none came before a job ended");
      for (const job of busy)
        await session.awaitTerminalEvent(job, undefined, workMs + answerTimeoutMs);
    },
  },
  {
    id: "hub-silent-reconnects",
    title: "a worker leaves a hub that is silent for hub_timeout_ms",
    rules: ["13.6", "5.3"],
    needs: [],
    async run(kit) {
      const session = await kit.isolatedSession({ hubTimeoutMs: HUB_TIMEOUT_MS });
      const { answerTimeoutMs } = kit.times;
      const left = expecting(
        `it to leave a hub that is silent for its \`hub_timeout_ms\`, ${HUB_TIMEOUT_MS}, and dial again`,
        "13.6",
        "5.3",
      );
      const again = await kit.awaitSession(left, HUB_TIMEOUT_MS + answerTimeoutMs);
      check(session.stream.state !== "open", left, "it opened a second stream alongside the first");
      await again.awaitCredit(1, expecting("`ready` on the new stream", "6.2"));
    },
  },
];
