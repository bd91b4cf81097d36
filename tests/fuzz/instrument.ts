import ts from "typescript";

/** Text to put at a position of the source. */
interface Insertion {
  readonly at: number;
  readonly text: string;
}

/**
 * Source in which every block of code says that it ran: bodies of functions and loops, both arms of a condition, cases, catches, and the right side of `&&`, `||`
 * and `??`. Nothing moves to another line. A block says so by `__b[n]||__n(n)`, which costs next to nothing once `__b[n]` is set.
 *
 * @param path - Decides by its ending whether the source is TypeScript.
 * @param number - Called once a block; gives its number.
 */
export function instrument(source: string, path: string, number: () => number): string {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const insertions: Insertion[] = [];
  const insert = (at: number, text: string): void => void insertions.push({ at, text });
  const ran = (): string => {
    const block = String(number());
    return `__b[${block}]||__n(${block})`;
  };
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) insert(node.getStart(file) + 1, `${ran()};`);
    if (ts.isCaseOrDefaultClause(node)) insert(node.statements.pos, `${ran()};`);
    const wrapped = wrapping(node);
    if (wrapped) insert(node.getStart(file), wrapped === "statement" ? `{${ran()};` : `(${ran()},`);
    ts.forEachChild(node, visit);
    if (wrapped) insert(node.getEnd(), wrapped === "statement" ? "}" : ")");
  };
  visit(file);
  const pieces = ["const{blocks:__b,first:__n}=globalThis.__sottoFuzz;"];
  let from = 0;
  // Stable: of two at one place, the outer's opening comes first and its closing last, as they were found.
  for (const { at, text } of insertions.sort((a, b) => a.at - b.at)) {
    pieces.push(source.slice(from, at), text);
    from = at;
  }
  return pieces.join("") + source.slice(from);
}

/** Whether a node runs only sometimes and is no block: how it is made to say so. */
function wrapping(node: ts.Node): "statement" | "expression" | null {
  const { parent } = node;
  if (!(parent as ts.Node | undefined) || ts.isBlock(node)) return null;
  if (ts.isIfStatement(parent)) return node === parent.expression ? null : "statement";
  if (ts.isIterationStatement(parent, false)) return node === parent.statement ? "statement" : null;
  if (ts.isArrowFunction(parent)) return node === parent.body ? "expression" : null;
  if (ts.isConditionalExpression(parent))
    return node === parent.whenTrue || node === parent.whenFalse ? "expression" : null;
  if (ts.isBinaryExpression(parent) && node === parent.right)
    return [
      ts.SyntaxKind.AmpersandAmpersandToken,
      ts.SyntaxKind.BarBarToken,
      ts.SyntaxKind.QuestionQuestionToken,
    ].includes(parent.operatorToken.kind)
      ? "expression"
      : null;
  return null;
}
