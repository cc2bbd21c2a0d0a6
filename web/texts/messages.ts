import ts from 'typescript';

/** What a text that is put together in the source consists of, before it is one text with named values. */
export type Piece =
  | { text: string }
  | { expression: ts.Expression }
  | { plural: ts.Expression; one: Piece[]; other: Piece[] }
  | { condition: ts.Expression; yes: Piece[]; no: Piece[] }
  | { element: ts.JsxOpeningElement; pieces: Piece[] }
  | { node: ts.JsxElement | ts.JsxSelfClosingElement | ts.JsxFragment };

export const hasWords = (text: string): boolean => /\p{L}{2}/u.test(text.replaceAll(/&\w+;/g, ''));

const isLiteral = (node: ts.Node): node is ts.StringLiteral | ts.NoSubstitutionTemplateLiteral =>
  ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node);

export function bare(node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node) || ts.isAsExpression(node)
    ? bare(node.expression)
    : node;
}

/** Whether an expression is a text that is put together here. */
export function isText(given: ts.Expression): boolean {
  const node = bare(given);
  if (isLiteral(node)) return true;
  if (ts.isTemplateExpression(node)) return true;
  if (ts.isConditionalExpression(node)) return isText(node.whenTrue) && isText(node.whenFalse);
  return isSum(node) && (isText(node.left) || isText(node.right));
}

const isSum = (node: ts.Expression): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken;

/** The number of "number === 1". */
function onlyOne(condition: ts.Expression): ts.Expression | null {
  const node = bare(condition);
  return ts.isBinaryExpression(node) &&
    node.operatorToken.kind === ts.SyntaxKind.EqualsEqualsEqualsToken &&
    ts.isNumericLiteral(node.right) &&
    node.right.text === '1'
    ? node.left
    : null;
}

export function piecesOf(given: ts.Expression): Piece[] {
  const node = bare(given);
  if (isLiteral(node)) return [{ text: node.text }];
  if (ts.isTemplateExpression(node))
    return [
      { text: node.head.text },
      ...node.templateSpans.flatMap((span) => [...piecesOf(span.expression), { text: span.literal.text }]),
    ].filter((piece) => !('text' in piece) || piece.text !== '');
  if (isSum(node) && isText(node)) return [...piecesOf(node.left), ...piecesOf(node.right)];
  if (ts.isConditionalExpression(node)) {
    const number = onlyOne(node.condition);
    if (number && (isText(node.whenTrue) || isText(node.whenFalse)))
      return [{ plural: number, one: piecesOf(node.whenTrue), other: piecesOf(node.whenFalse) }];
    if (isText(node))
      return [{ condition: node.condition, yes: piecesOf(node.whenTrue), no: piecesOf(node.whenFalse) }];
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'count') {
    const [number, one, many] = node.arguments;
    if (number && one && isLiteral(one) && (!many || isLiteral(many)))
      return [
        {
          plural: number,
          one: [{ expression: number }, { text: ` ${one.text}` }],
          other: [{ expression: number }, { text: ` ${many?.text ?? `${one.text}s`}` }],
        },
      ];
  }
  return [{ expression: node }];
}
