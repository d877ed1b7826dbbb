import { LinkedList } from "../../../base/containers/linked-list.js";

/**
 * Workers that serve the same set of methods. They share one idle list, so a job moves its worker
 * in only one list, however many methods the worker serves.
 */
export class WorkerGroup<Session> {
  readonly sessions: Set<Session> = new Set();
  /** Sessions with credit, the longest idle first. */
  readonly idle: LinkedList<Session> = new LinkedList();
  /** The matching round in which its idle sessions were last looked at. Owned by the queues. */
  round = 0;

  constructor(
    /** Identifies the set of methods, regardless of their order. */
    readonly key: string,
    readonly methods: ReadonlySet<string>,
  ) {}
}

/** The {@link WorkerGroup.key} of workers that serve `methods`. */
export function groupKey(methods: Iterable<string>): string {
  return JSON.stringify([...methods].sort());
}
