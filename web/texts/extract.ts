import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { SERVER_TEXTS } from './serverTexts.ts';
import { standardLabels } from './standardLabels.ts';

const root = join(import.meta.dirname, '../..');

/** Every text of the screens, with where it stands: what t and <Trans> are given, the labels of the standard model, and what the server says. */
export async function extract(): Promise<Map<string, string[]>> {
  const texts = await textsIn('web/src', 't');
  for (const label of await standardLabels()) texts.set(label, ['db/standard']);
  for (const text of SERVER_TEXTS) texts.set(text, [...(texts.get(text) ?? []), 'server']);
  return sorted(texts);
}

/** Every text of the mails: what say is given. */
export const extractMails = async (): Promise<Map<string, string[]>> => sorted(await textsIn('worker/mail', 'say'));

const sorted = (texts: Map<string, string[]>) => new Map([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));

async function textsIn(folder: string, name: string): Promise<Map<string, string[]>> {
  const texts = new Map<string, string[]>();
  const files = await readdir(join(root, folder), { recursive: true });
  for (const each of files.filter((path) => /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path)).sort()) {
    const path = join(root, folder, each);
    const file = ts.createSourceFile(path, await readFile(path, 'utf8'), ts.ScriptTarget.Latest, true);
    const keep = (node: ts.Node) => {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      for (const text of textsOf(node))
        texts.set(text, [...(texts.get(text) ?? []), `${relative(root, path)}:${line + 1}`]);
    };
    const visit = (node: ts.Node): void => {
      if (
        ts.isCallExpression(node) &&
        ts.isIdentifier(node.expression) &&
        node.expression.text === name &&
        node.arguments[0]
      )
        keep(node.arguments[0]);
      if (ts.isJsxAttribute(node) && node.name.getText(file) === 'text' && node.initializer && isOfTrans(node, file))
        keep(ts.isJsxExpression(node.initializer) ? (node.initializer.expression ?? node) : node.initializer);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return texts;
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
