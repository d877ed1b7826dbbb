// Fails method-routing: it caches answers by input, regardless of the method.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  answers = new Map();

  async compute(job, input, signal) {
    const answer = this.answers.get(input) ?? (await super.compute(job, input, signal));
    if (/echo|bytes/.test(job.method) && input > 0) this.answers.set(input, answer);
    return answer;
  }
})().run();
