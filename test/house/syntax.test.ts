import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { root } from "../support/root.js";

/** House rules that need syntax and types. */

const MAX_FUNCTION_LINES = 60;
const entries = ["index", "hub/index", "worker/index", "client/index", "wire/index"];
const names = entries
  .map((entry) => join(root, `src/${entry}.ts`))
  .concat(join(root, "src/cli/main.ts"));
const program = ts.createProgram(names, {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  customConditions: ["@gibbs/source"],
  // Only the sources themselves matter, not what their imports are typed as.
  types: [],
  noLib: true,
});
const checker = program.getTypeChecker();
const rooms = ["src/", "conformance/"].map((room) => join(root, room));
const own = program
  .getSourceFiles()
  .filter(
    ({ fileName }) =>
      rooms.some((room) => fileName.startsWith(room)) && !fileName.includes("/src/gen/"),
  );

describe("the house", () => {
  it(`has no function of more than ${MAX_FUNCTION_LINES} lines`, () => {
    const long: string[] = [];
    const visit = (node: ts.Node, file: ts.SourceFile): void => {
      if (ts.isFunctionLike(node)) {
        const [from, to] = [node.getStart(file), node.getEnd()].map(
          (position) => file.getLineAndCharacterOfPosition(position).line,
        ) as [number, number];
        if (to - from >= MAX_FUNCTION_LINES) long.push(`${file.fileName}:${from + 1}`);
      }
      ts.forEachChild(node, (child) => visit(child, file));
    };
    expect(own.length).toBeGreaterThan(40);
    for (const file of own) visit(file, file);
    expect(long).toEqual([]);
  });

  it("documents every public name, and what it offers", () => {
    const undocumented = new Set<string>();
    const check = (symbol: ts.Symbol, name: string): void => {
      const declared = symbol.getDeclarations() ?? [];
      if (declared.some((node) => node.getSourceFile().fileName.includes("/src/gen/"))) return;
      if (symbol.getDocumentationComment(checker).length === 0) undocumented.add(name);
    };
    for (const entry of entries) {
      const file = program.getSourceFile(join(root, `src/${entry}.ts`));
      const module = file && checker.getSymbolAtLocation(file);
      if (module === undefined) throw new Error(`src/${entry}.ts exports nothing`);
      for (const exported of checker.getExportsOfModule(module)) {
        const symbol =
          exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
        check(symbol, symbol.name);
        for (const member of symbol.members?.values() ?? []) {
          if (isPublic(member)) check(member, `${symbol.name}.${member.name}`);
        }
      }
    }
    expect([...undocumented].sort()).toEqual([]);
  });
});

/**
 * Whether a member is visible to users: a field, an accessor or a method, other than `#private`
 * ones and the `name` of every error.
 */
function isPublic(member: ts.Symbol): boolean {
  const [declaration] = member.getDeclarations() ?? [];
  if (declaration === undefined || member.name === "name") return false;
  const { name } = declaration as ts.PropertyDeclaration;
  if (name !== undefined && ts.isPrivateIdentifier(name)) return false;
  return (
    ts.isPropertySignature(declaration) ||
    ts.isPropertyDeclaration(declaration) ||
    ts.isMethodSignature(declaration) ||
    ts.isMethodDeclaration(declaration) ||
    ts.isGetAccessor(declaration)
  );
}
