/** The nodes that each node imports. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * Finds the cycles of a graph: for each set of nodes that all reach one another, a shortest path
 * from its first node back to that node, which is not repeated at the end.
 */
export function circlesIn(graph: Graph): string[][] {
  const circles: string[][] = [];
  const seen = new Set<string>();
  for (const node of [...graph.keys()].sort()) {
    if (seen.has(node)) continue;
    const circle = shortestCircle(graph, node);
    if (circle === undefined) continue;
    circles.push(circle);
    for (const one of knotOf(graph, node)) seen.add(one);
  }
  return circles;
}

/** All nodes that a node reaches and that reach it. */
function knotOf(graph: Graph, node: string): string[] {
  const reached = [...pathsFrom(graph, node).keys()];
  return reached.filter((one) => pathsFrom(graph, one).has(node));
}

function shortestCircle(graph: Graph, start: string): string[] | undefined {
  const paths = pathsFrom(graph, start);
  const back = [...paths.entries()].filter(([node]) => graph.get(node)?.includes(start));
  if (graph.get(start)?.includes(start)) back.push([start, []]);
  const [shortest] = back.map(([, path]) => path).sort((a, b) => a.length - b.length);
  return shortest && [start, ...shortest];
}

/** Returns a shortest path to each node that `start` reaches, without `start`. */
function pathsFrom(graph: Graph, start: string): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  const waiting: [node: string, path: string[]][] = [[start, []]];
  for (const [node, path] of waiting) {
    for (const next of graph.get(node) ?? []) {
      if (next === start || paths.has(next)) continue;
      paths.set(next, [...path, next]);
      waiting.push([next, [...path, next]]);
    }
  }
  return paths;
}
