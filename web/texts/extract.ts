import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import ts from 'typescript';

const web = join(import.meta.dirname, '..');
const src = join(web, 'src');

/** Every text of the source, with where it stands: what t and <Trans> are given. */
export async function extract(): Promise<Map<string, string[]>> {
  const texts = new Map<string, string[]>();
  const names = await readdir(src, { recursive: true });
  for (const name of names.filter((each) => /\.tsx?$/.test(each) && !/\.test\.tsx?$/.test(each)).sort()) {
    const path = join(src, name);
    const file = ts.createSourceFile(path, await readFile(path, 'utf8'), ts.ScriptTarget.Latest, true);
    const keep = (node: ts.Node) => {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      for (const text of textsOf(node))
        texts.set(text, [...(texts.get(text) ?? []), `${relative(web, path)}:${line + 1}`]);
    };
    const visit = (node: ts.Node): void => {
      if (
        ts.isCallExpression(node) &&
        ts.isIdentifier(node.expression) &&
        node.expression.text === 't' &&
        node.arguments[0]
      )
        keep(node.arguments[0]);
      if (ts.isJsxAttribute(node) && node.name.getText(file) === 'text' && node.initializer && isOfTrans(node, file))
        keep(ts.isJsxExpression(node.initializer) ? (node.initializer.expression ?? node) : node.initializer);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return new Map([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const isOfTrans = ({ parent: { parent } }: ts.JsxAttribute, file: ts.SourceFile): boolean =>
  (ts.isJsxSelfClosingElement(parent) || ts.isJsxOpeningElement(parent)) && parent.tagName.getText(file) === 'Trans';

/** A text that is put together, or comes from elsewhere, could not be looked up. */
function textsOf(node: ts.Node): string[] {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...textsOf(node.whenTrue), ...textsOf(node.whenFalse)];
  if (ts.isParenthesizedExpression(node)) return textsOf(node.expression);
  return [];
}
