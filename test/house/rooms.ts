import { circlesIn, type Graph } from "./circles.js";
import type { Source } from "./sources.js";

/**
 * The rooms of the house, and the rooms that each may import. A room is a folder of `src`, or the
 * conformance kit. A file belongs to the innermost room that contains it; `index` contains the
 * files that are in no folder of `src`.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  protobuf: ["base"],
  gen: ["base", "protobuf"],
  wire: ["base", "protobuf", "gen"],
  "hub/core": [],
  "hub/transport": ["base", "wire", "hub/core"],
  hub: ["base", "wire", "hub/core", "hub/transport"],
  worker: ["base", "wire"],
  client: ["base", "wire"],
  conformance: ["base", "wire"],
  cli: ["base", "hub", "worker", "client", "conformance"],
  index: ["hub", "worker", "client"],
};

/** What the core may import from other rooms: files without state of their own. */
export const coreMayImport = /^src\/base\/(containers|errors)\//;

export function roomOf(path: string): string {
  const inside = path.replace(/^src\//, "");
  const rooms = Object.keys(mayImport).filter((room) => inside.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? "index";
}

/** The rooms that each room imports. */
export function roomsOf(sources: readonly Source[]): Graph {
  const graph = new Map<string, string[]>();
  for (const { path, imports } of sources) {
    const room = roomOf(path);
    const others = imports.map(roomOf).filter((other) => other !== room);
    graph.set(room, [...new Set([...(graph.get(room) ?? []), ...others])]);
  }
  return graph;
}

/**
 * Draws the rooms in layers, highest first. A room is one layer above the highest room that it
 * imports. The graph must have no cycle.
 */
export function draw(graph: Graph): string {
  const [circle] = circlesIn(graph);
  if (circle !== undefined) throw new Error(`rooms form a cycle: ${circle.join(" -> ")}`);
  const layerOf = (room: string): number =>
    Math.max(-1, ...(graph.get(room) ?? []).map(layerOf)) + 1;
  const order = (a: string, b: string): number => layerOf(b) - layerOf(a) || (a < b ? -1 : 1);
  const rooms = [...graph.keys()].sort(order);
  const width = Math.max(...rooms.map((room) => room.length)) + 3;
  const lines = rooms.map((room, index) => {
    const imports = [...(graph.get(room) ?? [])].sort(order).join("  ");
    const arrow = `${room} `.padEnd(width, "─");
    const line = imports === "" ? room : `${arrow}▶ ${imports}`;
    const above = rooms[index - 1];
    return above !== undefined && layerOf(above) !== layerOf(room) ? `\n${line}` : line;
  });
  return `${lines.join("\n")}\n`;
}
