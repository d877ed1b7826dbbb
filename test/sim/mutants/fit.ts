import ts from "typescript";
import type { Mutant } from "./mutant.js";
import type { Match, SourceTree } from "./source-tree.js";

/**
 * Finds where a mutant changes the source.
 *
 * @throws Error saying what is wrong, if the mutant does not fit.
 */
export function locate(mutant: Mutant, tree: SourceTree): Match {
  const matches = tree.matches(mutant.at, mutant.find);
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return match;
  throw new Error(`mutant "${mutant.name}" at ${mutant.at}: ${misfit(mutant, matches, tree)}`);
}

/**
 * Returns the source with the mutant in it.
 *
 * @throws Error if the result is not TypeScript.
 */
export function applyTo(source: string, mutant: Mutant, { from, to }: Match): string {
  const changed = source.slice(0, from) + mutant.replace + source.slice(to);
  const [broken] = syntaxErrors(changed);
  if (broken === undefined) return changed;
  const why = ts.flattenDiagnosticMessageText(broken.messageText, " ");
  throw new Error(`mutant "${mutant.name}" at ${mutant.at}: does not parse once replaced: ${why}`);
}

function misfit({ at, find }: Mutant, matches: readonly Match[], tree: SourceTree): string {
  if (matches.length > 1) {
    const places = matches.map(({ path, line }) => `${path}:${line}`).join(", ");
    return `its text occurs ${matches.length} times, not once: ${places}`;
  }
  const what = tree.has(at) ? "its text occurs 0 times, not once" : "no declaration has that name";
  const elsewhere = tree.namesWith(find);
  return elsewhere.length === 0 ? what : `${what}; it occurs in ${elsewhere.join(", ")}`;
}

/** Uses an internal field of TypeScript, since `transpileModule` takes ten times longer. */
function syntaxErrors(source: string): readonly ts.Diagnostic[] {
  const file = ts.createSourceFile("mutant.ts", source, ts.ScriptTarget.ES2023);
  return (file as ts.SourceFile & { parseDiagnostics: readonly ts.Diagnostic[] }).parseDiagnostics;
}
