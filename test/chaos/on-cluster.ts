import { Cluster, type ClusterOptions } from "./cluster.js";
import type { Scorecard } from "./scorecard.js";

/**
 * Runs a scenario on a cluster of its own, which is gone afterwards. What its
 * processes noted is kept if anything failed.
 */
export async function onCluster(
  options: ClusterOptions,
  say: (line: string) => void,
  run: (cluster: Cluster) => Promise<Scorecard>,
): Promise<Scorecard> {
  const cluster = await Cluster.start(options);
  let passed = false;
  try {
    const card = await run(cluster);
    passed = card.criteria.every(({ pass }) => pass);
    return card;
  } finally {
    await cluster.close();
    if (passed) cluster.forget();
    else say(`journals and logs are kept in ${cluster.folder}`);
  }
}
