import type { Mutant } from "./mutant.js";

/** Faults in how workers and clients leave a connection that is going away. */
export const handOverMutants: readonly Mutant[] = [
  {
    name: "a hand-over keeps the instance id",
    at: "Connections.renewInstance",
    find: "this.#identity = { ...this.#identity, instanceId: randomInstanceId() };",
    replace: "",
  },
  {
    name: "a hand-over offers all slots on the new stream",
    at: "Connections.open",
    find: "freeSlots: (asking) => (asking === (this.#offering ?? asking) ? this.#free : 0),",
    replace: "freeSlots: () => this.#free,",
  },
  {
    name: "a hand-over drains the old stream before the new one is welcomed",
    at: "WorkerLoop.#handOver",
    find: "this.#connections.renewInstance();",
    replace: "this.#connections.renewInstance();\n    this.#connections.drain(HAND_OVER_REASON);",
  },
  {
    name: "a hand-over never drains the old stream",
    at: "Connections.handOverTo",
    find: "if (connection !== current) connection.drain(reason);",
    replace: "",
  },
  {
    name: "a hand-over drops the old stream",
    at: "Connections.handOverTo",
    find: "if (connection !== current) connection.drain(reason);",
    replace: "if (connection !== current) connection.cancel();",
  },
  {
    name: "the worker stays where its connection is going away",
    at: "WorkerLoop.#step",
    find: "else if (state.current.isGoingAway) this.#handOver(state.current);",
    replace: "",
  },
  {
    name: "slots of an old stream's jobs are not offered again",
    at: "Connections.addFreeSlots",
    find: "if (change > 0) this.#offering?.offerSlots();",
    replace: "if (change > 0) [...this.#open][0]?.offerSlots();",
  },
  {
    name: "the client stays where its connection is going away",
    at: "MultiplexTransport.#leave",
    find: "const calls = stream.leave();",
    replace: "const calls: PendingCall[] = [];",
  },
  {
    name: "calls that were not sent on a stream that is going away are forgotten",
    at: "MultiplexTransport.#leave",
    find: "for (const pending of unsent.flat()) this.place(pending);",
    replace: "",
  },
  {
    name: "a stream that is going away before its settings is kept",
    at: "MultiplexStream.leave",
    find: 'if (state.kind === "opening") this.#close();\n    else this.#startDraining(state.settings);',
    replace: 'if (state.kind === "open") this.#startDraining(state.settings);',
  },
];
