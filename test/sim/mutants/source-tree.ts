import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** A top-level declaration of a file, or a member of one. */
interface Declaration {
  /** `checkLiveness`, `RequestBook` or `RequestBook.lost`. */
  name: string;
  file: ts.SourceFile;
  node: ts.Node;
}

/** An occurrence of a text. */
export interface Match {
  /** Relative to the root of the tree. */
  path: string;
  /** Starts at 1. */
  line: number;
  /** Offsets in the file. */
  from: number;
  to: number;
}

/** A declaration's code without whitespace and comments, and the offset of each character. */
interface Code {
  text: string;
  offsets: number[];
}

/** TypeScript sources that can be searched by declaration name. */
export class SourceTree {
  readonly #declarations = new Map<string, Declaration[]>();

  /** `files` maps the path of each file to its text. */
  constructor(files: Iterable<readonly [path: string, text: string]>) {
    for (const [path, text] of files) {
      const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
      for (const found of declarationsIn(file)) {
        const namesakes = this.#declarations.get(found.name);
        if (namesakes === undefined) this.#declarations.set(found.name, [found]);
        else namesakes.push(found);
      }
    }
  }

  /** Reads every TypeScript file under a folder, except generated code. */
  static read(folder: string): SourceTree {
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.startsWith("gen/"))
      .sort();
    return new SourceTree(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
  }

  has(name: string): boolean {
    return this.#declarations.has(name);
  }

  /**
   * Finds a text in the declarations of a given name, which several files may have. Whitespace,
   * comments and trailing commas are ignored.
   */
  matches(name: string, text: string): Match[] {
    return (this.#declarations.get(name) ?? []).flatMap((declaration) =>
      matchesIn(declaration, patternOf(text)),
    );
  }

  /** The names of the innermost declarations in which a text occurs. */
  namesWith(text: string): string[] {
    const pattern = patternOf(text);
    const names = [...this.#declarations.values()]
      .flat()
      .filter((declaration) => matchesIn(declaration, pattern).length > 0)
      .map(({ name }) => name);
    return names.filter((name) => !names.some((other) => other.startsWith(`${name}.`)));
  }
}

function* declarationsIn(file: ts.SourceFile): Iterable<Declaration> {
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const variable of statement.declarationList.declarations) {
        yield* withMembers(file, variable, variable.initializer);
      }
    } else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      yield* withMembers(file, statement, statement);
    }
  }
}

function* withMembers(
  file: ts.SourceFile,
  node: ts.NamedDeclaration,
  body: ts.Node | undefined,
): Iterable<Declaration> {
  const owner = node.name?.getText(file) ?? "default";
  yield { name: owner, file, node };
  for (const member of membersOf(body)) {
    const name = ts.isConstructorDeclaration(member) ? "constructor" : member.name?.getText(file);
    if (name !== undefined) yield { name: `${owner}.${name}`, file, node: member };
  }
}

function membersOf(body: ts.Node | undefined): readonly ts.NamedDeclaration[] {
  if (body === undefined) return [];
  if (ts.isClassDeclaration(body)) return body.members;
  if (ts.isObjectLiteralExpression(body)) return body.properties;
  if (ts.isAsExpression(body) || ts.isSatisfiesExpression(body)) return membersOf(body.expression);
  return [];
}

function matchesIn({ file, node }: Declaration, pattern: RegExp): Match[] {
  const { text, offsets } = codeOf(node, file);
  return Array.from(text.matchAll(pattern), ({ index, 0: found }) => {
    const from = offsets[index] as number;
    const to = (offsets[index + found.length - 1] as number) + 1;
    const line = file.getLineAndCharacterOfPosition(from).line + 1;
    return { path: file.fileName, line, from, to };
  }).filter(({ from, to }) => isWhole(file.text, from, to));
}

function codeOf(node: ts.Node, file: ts.SourceFile): Code {
  const code: Code = { text: "", offsets: [] };
  const add = (part: ts.Node): void => {
    if (ts.isJSDoc(part)) return;
    const children = part.getChildren(file);
    for (const child of children) add(child);
    if (children.length > 0) return;
    for (let at = part.getStart(file); at < part.getEnd(); at += 1) {
      const character = file.text.charAt(at);
      if (/\s/.test(character)) continue;
      code.text += character;
      code.offsets.push(at);
    }
  };
  add(node);
  return code;
}

function patternOf(text: string): RegExp {
  const code = text.replaceAll(/\s/g, "").replaceAll(/,(?=[)\]}])/g, "");
  if (code === "") throw new Error("a text to find must not be empty");
  const escaped = code.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  // The formatter adds a trailing comma where it breaks a list into lines.
  return new RegExp(escaped.replaceAll(/(?<=.)\\[)\]}]/g, ",?$&"), "g");
}

/** Whether a match begins and ends at word boundaries. */
function isWhole(text: string, from: number, to: number): boolean {
  const cuts = (at: number): boolean => /^[\w$][\w$]|^#[\w$]/.test(text.slice(at - 1, at + 1));
  return !cuts(from) && !cuts(to);
}
