import ts from 'typescript';
import { productFolder } from '../../src/platform/config/version.js';

/** An event that some place in the sources writes, as far as it can be read without running it. */
export interface WrittenEvent {
  readonly type: string;
  readonly outcomes: readonly string[];
  /** Kinds of target; empty when it has none, `*` when it can be any. */
  readonly targets: readonly string[];
  /** What `reason` can be; `*` for what only the moment knows. */
  readonly reasons: readonly string[];
  /** Members of `details`. */
  readonly details: readonly string[];
  /** File and line that say its type. */
  readonly place: string;
}

/** The sources as the compiler sees them, with files of one's own beside or instead of theirs. */
export function sourceProgram(planted: Readonly<Record<string, string>> = {}): ts.Program {
  const { config } = ts.readConfigFile(`${productFolder}/tsconfig.json`, (path) => ts.sys.readFile(path)) as { config: { include: string[] } };
  const { options, fileNames } = ts.parseJsonConfigFileContent({ ...config, include: ['src/**/*'], exclude: ['src/**/*.spec.ts'] }, ts.sys, productFolder);
  const own = new Map(Object.entries(planted).map(([path, text]) => [`${productFolder}/${path}`, text]));
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  const readFile = host.readFile.bind(host);
  const fileExists = host.fileExists.bind(host);
  const getSourceFile = host.getSourceFile.bind(host);
  host.readFile = (path) => own.get(path) ?? readFile(path);
  host.fileExists = (path) => own.has(path) || fileExists(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = own.get(path);
    return text === undefined ? getSourceFile(path, language, ...rest) : ts.createSourceFile(path, text, language, true);
  };
  return ts.createProgram([...new Set([...fileNames, ...own.keys()])], { ...options, noEmit: true }, host);
}

/**
 * Reads every event that the program writes: each object that has the members of one, with what it takes from spreads, from functions
 * that make it, and from those that call the function it is in, one reading for each of them.
 *
 * @returns also what cannot be read, in words
 */
export function writtenEvents(program: ts.Program): { events: WrittenEvent[]; unread: string[] } {
  return new Reader(program).read();
}

type Callable = ts.FunctionLikeDeclaration;
/** By whom the functions on the way are called, in this reading. */
type Calls = ReadonlyMap<Callable, ts.CallExpression>;

/** An expression, in one reading. */
interface Found {
  readonly expression: ts.Expression;
  readonly calls: Calls;
}

interface SaidText {
  readonly text: string;
  /** Where the code says it. */
  readonly at: ts.Node;
}

/** Thrown where a reading depends on who calls a function. */
class NeedsCaller {
  constructor(readonly callee: Callable) {}
}

class Unreadable extends Error {
  constructor(readonly node: ts.Node) {
    super(node.getText());
  }
}

const ANY = '*';
/** What every event has. */
const MEMBERS = ['type', 'outcome', 'organization_id', 'actor'];
/** What only an event has that is on record already: it is read, not written. */
const GIVEN_BY_THE_LOG = ['id', 'time'];

class Reader {
  private readonly checker: ts.TypeChecker;
  private readonly files: readonly ts.SourceFile[];
  /** By the last name of what is called. */
  private readonly calls = new Map<string, ts.CallExpression[]>();
  private readonly callers = new Map<Callable, ts.CallExpression[]>();

  constructor(program: ts.Program) {
    this.checker = program.getTypeChecker();
    this.files = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${productFolder}/src/`));
  }

  read(): { events: WrittenEvent[]; unread: string[] } {
    const literals: ts.ObjectLiteralExpression[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) {
        const name = calledName(node);
        this.calls.set(name, [...this.calls.get(name) ?? [], node]);
      }
      if (ts.isObjectLiteralExpression(node)) literals.push(node);
      ts.forEachChild(node, visit);
    };
    for (const file of this.files) visit(file);
    const unread = new Set<string>();
    const events = literals.filter((literal) => this.isEvent(literal)).flatMap((literal) => {
      try {
        return this.readings(literal, new Map());
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        unread.add(`${placeOf(error.node)}: ${error.message}`);
        return [];
      }
    });
    return { events, unread: [...unread] };
  }

  private isEvent(literal: ts.ObjectLiteralExpression): boolean {
    const own = literal.properties.map((property) => property.name?.getText());
    // The compiler is asked about those only that can be one.
    if (own.every((name) => name !== undefined) ? !MEMBERS.every((name) => own.includes(name)) : ![...MEMBERS, 'details', 'reason'].some((name) => own.includes(name))) return false;
    const type = this.checker.getTypeAtLocation(literal);
    return MEMBERS.every((name) => type.getProperty(name)) && !GIVEN_BY_THE_LOG.every((name) => type.getProperty(name));
  }

  private callersOf(callee: Callable): readonly ts.CallExpression[] {
    const found = this.callers.get(callee)
      ?? this.calls.get(nameOf(callee) ?? '')?.filter((call) => this.checker.getResolvedSignature(call)?.declaration === callee) ?? [];
    this.callers.set(callee, found);
    return found;
  }

  private readings(literal: ts.ObjectLiteralExpression, calls: Calls): WrittenEvent[] {
    try {
      const event = { expression: literal, calls };
      const textsOf = (name: string) => this.member(event, name).flatMap((found) => this.texts(found));
      const targets = unique(this.member(event, 'target').flatMap((found) => this.member(found, 'kind')).flatMap((found) => this.texts(found)));
      const details = [...new Set(this.member(event, 'details').flatMap((found) => this.names(found)))];
      const [outcomes, reasons] = [unique(textsOf('outcome')), unique(textsOf('reason'))];
      return textsOf('type').map(({ text, at }) => ({ type: text, outcomes, targets, reasons, details, place: placeOf(at) }));
    } catch (error) {
      if (!(error instanceof NeedsCaller)) throw error;
      return this.callersOf(error.callee).flatMap((call) => this.readings(literal, new Map([...calls, [error.callee, call]])));
    }
  }

  /** What an object has under a name: nothing when it has not, several things when that depends. The last one counts. */
  private member(object: Found, name: string): Found[] {
    const expression = bare(object.expression);
    if (isAbsent(expression) || !this.mayHave(object.expression, name)) return [];
    if (!ts.isObjectLiteralExpression(expression)) return this.through(object).flatMap((inner) => this.member(inner, name));
    for (const property of expression.properties.toReversed()) {
      if (ts.isSpreadAssignment(property)) {
        const found = this.member({ ...object, expression: property.expression }, name);
        if (found.length > 0) return found;
      } else if (property.name?.getText() === name) return [{ ...object, expression: valueOf(property) ?? fail(property) }];
    }
    return [];
  }

  /** Every text that something can be. */
  private texts(given: Found): SaidText[] {
    const expression = bare(given.expression);
    if (isAbsent(expression)) return [];
    if (ts.isStringLiteralLike(expression)) return [{ text: expression.text, at: expression }];
    if (ts.isElementAccessExpression(expression)) return this.values(expression.expression);
    const known = this.textsOfType(expression);
    if (known.length === 0) return [];
    try {
      return this.through(given).flatMap((inner) => this.texts(inner));
    } catch (error) {
      // Its type says it as well, unless it can be any type of event.
      if (error instanceof Unreadable && known.length < 10) return known.map((text) => ({ text, at: expression }));
      throw error;
    }
  }

  /** The names of the members that an object can have. */
  private names(object: Found): string[] {
    const expression = bare(object.expression);
    if (isAbsent(expression)) return [];
    if (ts.isObjectLiteralExpression(expression)) {
      return expression.properties.flatMap((property) => {
        if (ts.isSpreadAssignment(property)) return this.names({ ...object, expression: property.expression });
        const value = valueOf(property) ?? fail(property);
        return this.isNothing({ ...object, expression: value }) ? [] : [property.name!.getText()];
      });
    }
    return this.namesOfType(object.expression) ?? this.through(object).flatMap((inner) => this.names(inner));
  }

  /**
   * Follows an expression to what it stands for: both sides of a choice, what a function answers, what a variable was given, what a
   * caller passes.
   */
  private through({ expression, calls }: Found): Found[] {
    const object = bare(expression);
    if (ts.isConditionalExpression(object)) return [{ expression: object.whenTrue, calls }, { expression: object.whenFalse, calls }];
    if (ts.isBinaryExpression(object)) {
      if (object.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken) return [{ expression: object.right, calls }];
      if (object.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) return [{ expression: object.left, calls }, { expression: object.right, calls }];
    }
    if (ts.isCallExpression(object)) {
      const callee = this.checker.getResolvedSignature(object)?.declaration as Callable | undefined;
      const answers = callee && answersOf(callee);
      if (answers) return answers.map((answer) => ({ expression: answer, calls: new Map([...calls, [callee, object]]) }));
    }
    if (ts.isPropertyAccessExpression(object)) return this.member({ expression: object.expression, calls }, object.name.text);
    return (ts.isIdentifier(object) ? this.standsFor(object, calls) : undefined) ?? fail(object);
  }

  /** What a variable was first given, or what a parameter is given by the caller of this reading. */
  private standsFor(name: ts.Identifier, calls: Calls): Found[] | undefined {
    const symbol = ts.isShorthandPropertyAssignment(name.parent) ? this.checker.getShorthandAssignmentValueSymbol(name.parent) : this.checker.getSymbolAtLocation(name);
    const declaration = symbol?.valueDeclaration;
    if (declaration && ts.isVariableDeclaration(declaration) && declaration.initializer && ts.isIdentifier(declaration.name)) return [{ expression: declaration.initializer, calls }];
    if (!declaration || !ts.isParameter(declaration) || !ts.isIdentifier(declaration.name)) return undefined;
    const callee = declaration.parent as Callable;
    if (this.callersOf(callee).length === 0) return undefined;
    const call = calls.get(callee);
    if (!call) throw new NeedsCaller(callee);
    const passed = call.arguments[callee.parameters.indexOf(declaration)] ?? declaration.initializer;
    // The caller stands outside of the function.
    return passed ? [{ expression: passed, calls: new Map([...calls].filter(([known]) => known !== callee)) }] : [];
  }

  private isNothing(value: Found): boolean {
    return isAbsent(value.expression) || (ts.isIdentifier(value.expression) && this.standsFor(value.expression, value.calls)?.length === 0);
  }

  private mayHave(expression: ts.Expression, name: string): boolean {
    return this.parts(expression).some((type) => type.getProperty(name) !== undefined || type.getStringIndexType() !== undefined);
  }

  /** The values of a constant that maps something to texts. */
  private values(map: ts.Expression): SaidText[] {
    const declaration = this.checker.getSymbolAtLocation(map)?.valueDeclaration;
    const object = declaration && ts.isVariableDeclaration(declaration) && declaration.initializer ? bare(declaration.initializer) : undefined;
    if (!object || !ts.isObjectLiteralExpression(object)) return fail(map);
    return object.properties.flatMap((property) => this.texts({ expression: valueOf(property) ?? fail(property), calls: new Map() }));
  }

  /** `*` where other texts are possible than certain ones. */
  private textsOfType(expression: ts.Expression): string[] {
    return this.parts(expression).filter((part) => !(part.flags & ts.TypeFlags.Never)).map((part) => (part.isStringLiteral() ? part.value : ANY));
  }

  /** Undefined when any name is possible. */
  private namesOfType(expression: ts.Expression): string[] | undefined {
    const parts = this.parts(expression);
    if (parts.some((part) => part.getStringIndexType() !== undefined || !(part.flags & ts.TypeFlags.Object) || part.getProperties().length === 0)) return undefined;
    return parts.flatMap((part) => part.getProperties().map((property) => property.name));
  }

  private parts(expression: ts.Expression): ts.Type[] {
    const type = this.checker.getNonNullableType(this.checker.getTypeAtLocation(expression));
    return type.isUnion() ? type.types : [type];
  }
}

function calledName({ expression }: ts.CallExpression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
}

function nameOf(callee: Callable): string | undefined {
  if (callee.name) return callee.name.getText();
  return ts.isVariableDeclaration(callee.parent) ? callee.parent.name.getText() : undefined;
}

/** Without what says nothing about the value. */
function bare(expression: ts.Expression): ts.Expression {
  let inner = expression;
  while (ts.isParenthesizedExpression(inner) || ts.isAsExpression(inner) || ts.isSatisfiesExpression(inner) || ts.isNonNullExpression(inner) || ts.isAwaitExpression(inner)) inner = inner.expression;
  return inner;
}

function answersOf(callee: Callable): ts.Expression[] | undefined {
  const body = 'body' in callee ? callee.body : undefined;
  if (!body) return undefined;
  if (!ts.isBlock(body)) return [body];
  const answers: ts.Expression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isReturnStatement(node) && node.expression) answers.push(node.expression);
    if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  ts.forEachChild(body, visit);
  return answers;
}

function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName.slice(productFolder.length + 1)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

function isAbsent(expression: ts.Expression): boolean {
  return expression.kind === ts.SyntaxKind.NullKeyword || (ts.isIdentifier(expression) && expression.text === 'undefined');
}

function valueOf(property: ts.ObjectLiteralElementLike): ts.Expression | undefined {
  return ts.isPropertyAssignment(property) ? property.initializer : ts.isShorthandPropertyAssignment(property) ? property.name : undefined;
}

function unique(said: readonly SaidText[]): string[] {
  return [...new Set(said.map(({ text }) => text))];
}

function fail(node: ts.Node): never {
  throw new Unreadable(node);
}
