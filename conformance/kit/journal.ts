import { decodePayload } from "#wire/payload/payload.js";

/** The longest line of the journal, in characters. */
const MAX_LINE = 240;

/** A readable log of what the hub and the worker sent each other, and of what the kit did. */
export class Journal {
  #lines: string[] = [];

  /** Adds a line that says who did what. */
  record(who: "hub" | "worker" | "kit", what: string): void {
    const line = `${who.padEnd(6)} ${what}`;
    this.#lines.push(line.length > MAX_LINE ? `${line.slice(0, MAX_LINE - 1)}…` : line);
  }

  /** Drops all lines, for the next scenario. */
  clear(): void {
    this.#lines = [];
  }

  /** Returns the last `count` lines. */
  tail(count: number): string[] {
    return this.#lines.slice(-count);
  }
}

/** Formats an event with the names from the .proto: `job{job_id: 1, method: "x"}`. */
export function describeEvent(event: { case?: string | undefined; value?: unknown }): string {
  if (event.case === undefined) return "an event unknown to this kit";
  return `${event.case}${describe(event.value)}`;
}

/** Formats events, in order; "nothing" if there are none. */
export function describeEvents(events: readonly { case?: string | undefined }[]): string {
  return events.length === 0 ? "nothing" : events.map(describeEvent).join(", ");
}

function describe(value: unknown, key = ""): string {
  if (value instanceof Uint8Array) return key === "payload" ? payload(value) : bytes(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => describe(one)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if ("case" in value && "value" in value)
    return `${toSnakeCase(String(value.case))}: ${describe(value.value, String(value.case))}`;
  const fields = Object.entries(value)
    .filter(([name, one]) => !name.startsWith("$") && !isUnset(one))
    .map(([name, one]) => field(name, one));
  return `{${fields.join(", ")}}`;
}

function field(name: string, value: unknown): string {
  const isOneof = typeof value === "object" && value !== null && "case" in value;
  const text = describe(value, name);
  return isOneof ? text : `${toSnakeCase(name)}: ${text}`;
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`);
}

function isUnset(value: unknown): boolean {
  if (value === undefined || value === "" || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== "object" || value === null) return false;
  if ("case" in value) return value.case === undefined;
  return value instanceof Uint8Array ? value.length === 0 : Object.keys(value).length === 0;
}

function payload(encoded: Uint8Array): string {
  if (encoded.length > 100) return bytes(encoded);
  try {
    const data = decodePayload(encoded);
    return data instanceof Uint8Array ? `data of ${bytes(data)}` : JSON.stringify(data);
  } catch {
    return `${bytes(encoded)} that do not decode as a Payload`;
  }
}

function bytes(value: Uint8Array): string {
  return `${value.length} bytes`;
}
