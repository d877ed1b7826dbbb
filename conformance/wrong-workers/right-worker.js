// A correct worker that uses only grpc-js and the generated messages. Its methods are small, so
// that each wrong worker overrides only what it gets wrong.
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { Worker as Thread } from "node:worker_threads";
import { create, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Client, status as codes, connectivityState, credentials } from "@grpc/grpc-js";
import {
  DETAILS_KEY,
  Execution,
  fromStatus,
  HeartbeatMode,
  PayloadSchema,
  WorkRequestSchema,
  WorkResponseSchema,
} from "gibbs/proto";

const finalCodes = new Set([
  codes.UNAUTHENTICATED,
  codes.PERMISSION_DENIED,
  codes.INVALID_ARGUMENT,
  codes.FAILED_PRECONDITION,
  codes.UNIMPLEMENTED,
]);

/** An error whose status the handler declares. */
class Declared extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class RightWorker {
  slots = 2;
  instanceId = new Uint8Array(randomBytes(16));
  channelOptions = {
    "grpc.max_receive_message_length": 5 * 1024 * 1024,
    "grpc.use_local_subchannel_pool": 1,
  };
  /** Running handlers, including those of lost streams. */
  busy = 0;
  terminated = false;
  /** The worker whose stream this one takes over, if its connection is going away. */
  predecessor = undefined;
  /** The one that has taken over this one's stream. */
  heir = undefined;

  run() {
    process.once("SIGTERM", () => this.onTerminate());
    this.dial();
  }

  // Streams

  dial() {
    const hub = process.env.GIBBS_HUB;
    const client = new Client(hub, credentials.createInsecure(), this.channelOptions);
    this.call = client.makeBidiStreamRequest(
      "/gibbs.v1.WorkerService/Work",
      (message) => Buffer.from(toBinary(WorkRequestSchema, message)),
      (bytes) => fromBinary(WorkResponseSchema, bytes),
    );
    Object.assign(this, { jobs: new Map(), credit: 0, draining: false, next: {} });
    this.welcome = { hubTimeoutMs: 20_000, maxPayloadBytes: 4 * 1024 * 1024 };
    this.watch(client.getChannel(), this.call);
    this.call.on("data", ({ events }) => this.receive(events));
    this.call.on("error", () => {});
    this.call.on("end", () => this.call.end());
    this.call.on("status", (status) => {
      client.close();
      clearTimeout(this.patience);
      this.lost();
      this.afterwards(status);
    });
    this.begin();
  }

  begin() {
    this.hello();
    if (this.predecessor === undefined) this.offer();
    this.listen();
  }

  /** Reports that the server announces the end of the call's connection, or that this is lost. */
  watch(channel, call) {
    const state = channel.getConnectivityState(false);
    if (state === connectivityState.SHUTDOWN) return;
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
      // A lost connection ends the call within two turns.
      const report = () => setImmediate(() => setImmediate(() => this.goingAway(channel, call)));
      if (state === connectivityState.READY) report();
      this.watch(channel, call);
    });
  }

  goingAway(channel, call) {
    const isClosed = channel.getConnectivityState(false) === connectivityState.SHUTDOWN;
    if (isClosed || call !== this.call || this.draining || this.heir !== undefined) return;
    this.heir = this.makeHeir();
    this.heir.predecessor = this;
    this.heir.run();
  }

  /** A worker with an instance_id of its own, which takes over. */
  makeHeir() {
    return new this.constructor();
  }

  /** Leaves the stream to the worker that was welcomed on a new one. */
  handOver() {
    this.draining = true;
    this.credit = 0;
    this.send(["drain", { reason: "the connection is going away" }]);
  }

  /** The handlers that run for this worker and for those before it. */
  get allBusy() {
    return this.busy + (this.predecessor?.allBusy ?? 0);
  }

  hello() {
    const methods = Object.keys(this.handlers).map((name) => ({ name }));
    const heartbeatMode = HeartbeatMode.ALWAYS;
    this.send([
      "hello",
      { workerId: "right", instanceId: this.instanceId, methods, heartbeatMode },
    ]);
  }

  /** Sends events in one message, each as its name and fields. */
  send(...events) {
    const init = { events: events.map(([name, value]) => ({ event: { case: name, value } })) };
    this.write(create(WorkRequestSchema, init));
  }

  write(message) {
    this.call.write(message);
  }

  /** Gives credit for the free slots. */
  offer() {
    const more = this.slots - this.allBusy - this.credit;
    if (this.draining || more <= 0) return;
    this.credit += more;
    this.send(["ready", { slots: more }]);
  }

  /** Restarts the timer after which it leaves a silent hub. */
  listen() {
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.call.cancel(), this.welcome.hubTimeoutMs);
  }

  lost() {
    for (const { abort } of this.jobs.values()) abort.abort();
    this.jobs.clear();
  }

  afterwards({ code, details, metadata }) {
    if (this.heir !== undefined) return;
    if (this.terminated || this.next.case === "exit") process.exit(0);
    const { reason } = fromStatus(code, details, metadata.get(DETAILS_KEY)[0]);
    if (finalCodes.has(code) || reason === "SUPERSEDED") process.exit(1);
    setTimeout(() => this.dial(), Math.max(this.pauseMs(), this.next.value ?? 0));
  }

  pauseMs() {
    return 100 + 200 * Math.random();
  }

  // Events

  receive(events) {
    this.listen();
    for (const { event } of events) this.on(event);
  }

  on({ case: name, value }) {
    if (name === "welcome") this.onWelcome(value);
    if (name === "job") this.onJob(value);
    if (name === "cancel") this.onCancel(value.jobId);
    if (name === "heartbeat") this.onHeartbeat();
    if (name === "drain") this.onDrain(value);
  }

  onWelcome(welcome) {
    this.welcome = welcome;
    this.listen();
    if (this.predecessor?.draining === false) this.predecessor.handOver();
    this.offer();
  }

  onHeartbeat() {
    this.send(["heartbeat", {}]);
  }

  onDrain({ next }) {
    this.draining = true;
    this.next = next;
  }

  onTerminate() {
    if (this.heir !== undefined) return;
    this.terminated = true;
    this.draining = true;
    this.send(["drain", { reason: "terminated" }]);
  }

  onCancel(jobId) {
    this.jobs.get(jobId)?.abort.abort();
  }

  onJob(job) {
    this.credit -= 1;
    if (this.draining) return this.nack(job.jobId);
    this.busy += 1;
    const abort = new AbortController();
    this.jobs.set(job.jobId, { job, abort, call: this.call });
    const timeout = this.startTimer(job, abort);
    void this.outcome(job, abort.signal).then((outcome) => {
      clearTimeout(timeout);
      this.busy -= 1;
      this.finish(job.jobId, outcome);
    });
  }

  startTimer({ timeoutMs }, abort) {
    return timeoutMs === undefined ? undefined : setTimeout(() => abort.abort(), timeoutMs);
  }

  nack(jobId, execution = Execution.NOT_STARTED) {
    this.send(["nack", { jobId, execution, reason: "draining" }]);
  }

  /**
   * Sends the terminal event of a job, unless its stream was lost, and gives credit for the free
   * slot.
   */
  finish(jobId, outcome) {
    if (this.jobs.delete(jobId)) this.end(jobId, outcome);
    this.offer();
    this.heir?.onFreeSlot();
  }

  /** Called when a handler of the worker before this one has ended. */
  onFreeSlot() {
    if (this.predecessor.draining) this.offer();
    this.heir?.onFreeSlot();
  }

  end(jobId, outcome) {
    this.send(["result", { jobId, outcome }]);
  }

  // Jobs

  async outcome(job, signal) {
    let input;
    try {
      input = this.decode(job.payload);
    } catch (error) {
      return failure({ reason: "MALFORMED", message: error.message });
    }
    try {
      const payload = this.encode(await this.compute(job, input, signal));
      const { maxPayloadBytes } = this.welcome;
      if (payload.length <= maxPayloadBytes) return { case: "payload", value: payload };
      return failure({ reason: "RESULT_TOO_LARGE", message: `more than ${maxPayloadBytes} bytes` });
    } catch (error) {
      return failure(this.describe(error));
    }
  }

  describe(error) {
    const code = error instanceof Declared ? error.code : 0;
    return { code, type: error.name, message: error.message };
  }

  decode(bytes) {
    const { kind } = fromBinary(PayloadSchema, bytes);
    if (kind.case === "data") return kind.value;
    return kind.case === "value" ? toJson(ValueSchema, kind.value) : null;
  }

  encode(answer) {
    const isData = answer instanceof Uint8Array;
    const value = isData ? answer : fromJson(ValueSchema, answer);
    const kind = { case: isData ? "data" : "value", value };
    return toBinary(PayloadSchema, create(PayloadSchema, { kind }));
  }

  compute(job, input, signal) {
    return this.handlers[job.method](input, job, signal);
  }

  handlers = {
    "conformance.echo": (input) => input,
    "conformance.hold": (ms, _job, signal) => wait(ms, ms, { signal }),
    "conformance.block": (ms) => this.block(ms),
    "conformance.fail": ({ message, code }) => {
      throw code === undefined ? new TypeError(message) : new Declared(code, message);
    },
    "conformance.context": (_input, job) => this.context(job),
    "conformance.bytes": (length) => new Uint8Array(length),
  };

  block(ms) {
    const sleep =
      "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, require('node:worker_threads').workerData)";
    const thread = new Thread(sleep, { eval: true, workerData: ms });
    return new Promise((resolve) => thread.once("exit", () => resolve(ms)));
  }

  context({ attempt, requestId, timeoutMs = null, metadata }) {
    const entries = metadata.map(({ key, value }) => [key, this.text(key, value)]);
    return {
      attempt,
      request_id: requestId,
      timeout_ms: timeoutMs,
      metadata: Object.fromEntries(entries),
    };
  }

  text(key, value) {
    return Buffer.from(value).toString(key.endsWith("-bin") ? "base64" : "utf8");
  }
}

function failure(value) {
  return { case: "failure", value };
}
