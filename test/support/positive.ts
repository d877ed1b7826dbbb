import { InvalidArgumentError } from "commander";

/** Parses the argument of a flag that takes a number above zero. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above zero.");
  return value;
}
