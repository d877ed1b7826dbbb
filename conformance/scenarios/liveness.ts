import { ask, check } from "../kit/expectation.js";
import { Model } from "../kit/model.js";
import type { SentJob } from "../kit/session.js";
import type { Scenario } from "./scenario.js";

/** What the welcome tells a worker whose hub then falls silent. */
const HUB_TIMEOUT_MS = 1000;

/** How long jobs have been at work when the worker is asked for a sign of life. */
const BUSY_MS = 300;

/** Signs of life. */
export const liveness: readonly Scenario[] = [
  {
    id: "echo-heartbeat",
    title: "an idle worker answers each heartbeat",
    rules: ["13.2"],
    needs: [],
    async run(kit) {
      const session = await kit.serving();
      for (let beat = 0; beat < 3; beat += 1) {
        const answered = await session.heartbeat(kit.times.answerTimeoutMs);
        const got = `the stream is ${session.stream.state}, and none came`;
        check(
          answered && session.stream.state === "open",
          ask("a `heartbeat` in answer", "13.2"),
          got,
        );
      }
    },
  },
  {
    id: "beats-while-computing",
    title: "a worker of ALWAYS answers heartbeats while all its slots compute",
    rules: ["13.4"],
    needs: [Model.HOLD],
    notClaimed: ({ beatsWhileBusy }) => (beatsWhileBusy ? undefined : "it does not declare ALWAYS"),
    async run(kit) {
      const session = await kit.serving();
      const { workMs, answerTimeoutMs } = kit.times;
      await session.haveCredit(session.slots, ask("each slot given back", "6.2"));
      const method = kit.offers(Model.BLOCK) ? Model.BLOCK : Model.HOLD;
      const busy: SentJob[] = [];
      for (let slot = 0; slot < session.slots; slot += 1) {
        busy.push(await session.job(method, workMs));
      }
      await kit.pause(BUSY_MS);
      await session.heartbeat(workMs + answerTimeoutMs);
      const { heard } = session.stream;
      const first = Math.min(
        ...busy.map((job) => {
          const [end] = session.terminals(job);
          return end === undefined ? heard.length : heard.indexOf(end);
        }),
      );
      const beats = heard
        .slice(busy[0]?.heardBefore, first)
        .some(({ case: kind }) => kind === "heartbeat");
      const alive = ask(
        `a \`heartbeat\` in answer while ${method} computes for ${workMs} ms`,
        "13.4",
      );
      check(beats, alive, "none came before a job was over");
      for (const job of busy) await session.terminal(job, undefined, workMs + answerTimeoutMs);
    },
  },
  {
    id: "hub-silent-reconnects",
    title: "a worker leaves a hub that is silent for the hub's own hub_timeout_ms",
    rules: ["13.6", "5.3"],
    needs: [],
    async run(kit) {
      const session = await kit.start({ hubTimeoutMs: HUB_TIMEOUT_MS });
      const { answerTimeoutMs } = kit.times;
      const left = ask(
        `it to leave a hub that told it \`hub_timeout_ms\` ${HUB_TIMEOUT_MS} and is silent, and dial again`,
        "13.6",
        "5.3",
      );
      const again = await kit.nextSession(left, HUB_TIMEOUT_MS + answerTimeoutMs);
      check(session.stream.state !== "open", left, "it opened another stream beside the first");
      await again.haveCredit(1, ask("`ready` on the new stream", "6.2"));
    },
  },
];
