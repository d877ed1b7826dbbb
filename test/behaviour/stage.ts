import { Server, ServerCredentials } from "@grpc/grpc-js";
import { parseAddress } from "../../src/base/address.js";
import { Hub } from "../../src/hub/hub.js";
import { type Running, start } from "../support/running.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import type { Case, Step, WorkerScript } from "./case.js";
import { Cues } from "./cues.js";
import { ScriptedWorker } from "./scripted-worker.js";

/** A port on which nothing listens: it takes a privilege to do so. */
const NOBODY = "127.0.0.1:1";

/** Starts the worker with this label for the hub at `address`; returns what stops it. */
export type StartWorker = (
  address: string,
  label: string,
  script: WorkerScript,
  cues: Cues,
) => Promise<{ stop(): unknown }>;

/** The setting of one case: its hub, its workers, and the network between it and its caller. */
export class Stage {
  readonly cues: Cues = new Cues();
  readonly #case: Case;
  readonly #startWorker: StartWorker;
  #hub: Hub;
  #address = "";
  #hubAddress = "";
  #proxy: TcpProxy | undefined;
  #server: Server | undefined;
  readonly #workers: { stop(): unknown }[] = [];
  readonly #doomed: Running[] = [];

  /** Opens the stage of a case: its workers are connected. */
  static async open(
    one: Case,
    startWorker: StartWorker = ScriptedWorker.start.bind(ScriptedWorker),
  ): Promise<Stage> {
    const stage = new Stage(one, startWorker);
    if (one.instead === "nobody") stage.#address = NOBODY;
    else if (one.instead === "another server") await stage.#openServer();
    else await stage.#openHub();
    return stage;
  }

  private constructor(one: Case, startWorker: StartWorker) {
    this.#case = one;
    this.#startWorker = startWorker;
    this.#hub = new Hub({ listen: "127.0.0.1:0", ...one.hub });
  }

  /** Where the caller finds the hub. */
  get address(): string {
    return this.#address;
  }

  /** The hub itself, for a caller in its process. */
  get hub(): Hub {
    return this.#hub;
  }

  /** Does what a step of the stage says. */
  async perform(step: Extract<Step, { stage: string }>): Promise<void> {
    switch (step.stage) {
      case "taken":
      case "cancelled":
        return this.cues.reached(step.stage, step.count);
      case "release":
        return this.cues.release();
      case "start-worker":
        return this.#startWorkers((worker) => worker.late === true);
      case "killed":
        await Promise.all(this.#doomed.map(({ ended }) => ended));
        return;
      case "drain-hub":
        void this.#hub.drain();
        return;
      case "close-hub":
        void this.#hub.close();
        return;
      case "restart-hub":
        await this.#hub.drain();
        this.#hub = new Hub({ ...this.#case.hub, listen: this.#hubAddress });
        await this.#hub.listen();
        return this.#startWorkers((worker) => worker.late !== true);
      case "cut":
        return this.#proxy?.reset();
      case "hole":
        return this.#proxy?.blackHole("toHub", "fromHub");
    }
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.stop();
    for (const { process } of this.#doomed) process.kill("SIGKILL");
    await this.#proxy?.close();
    this.#server?.forceShutdown();
    await this.#hub.close();
  }

  async #openHub(): Promise<void> {
    this.#hubAddress = await this.#hub.listen();
    this.#address = this.#hubAddress;
    const { steps } = this.#case;
    if (steps.some((step) => "stage" in step && /^(cut|hole)$/.test(step.stage))) {
      this.#proxy = new TcpProxy(parseAddress(this.#address));
      await this.#proxy.setDoor("open");
      this.#address = this.#proxy.address;
    }
    await this.#startWorkers((worker) => worker.late !== true);
  }

  async #openServer(): Promise<void> {
    const server = new Server();
    this.#server = server;
    const port = await new Promise((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    this.#address = `127.0.0.1:${port}`;
  }

  async #startWorkers(which: (worker: WorkerScript) => boolean): Promise<void> {
    const { workers = [] } = this.#case;
    for (const [index, script] of workers.entries()) {
      if (!which(script)) continue;
      const label = `worker-${index}`;
      if (script.acts[0] === "kill") await this.#startDoomed(label);
      else {
        const started = this.#startWorker(this.#hubAddress, label, script, this.cues);
        this.#workers.push(await started);
      }
    }
  }

  async #startDoomed(label: string): Promise<void> {
    const program = ["test/fixtures/doomed.js", this.#hubAddress, label];
    const doomed = start(process.execPath, program);
    this.#doomed.push(doomed);
    await doomed.line(/^connected$/);
  }
}
