/** What a worker declared when it was first started. */
export interface WorkerFacts {
  workerId: string;
  sdk: string;
  methods: readonly string[];
  /** Whether it declared the heartbeat mode ALWAYS. */
  beatsWhileBusy: boolean;
  slots: number;
}
