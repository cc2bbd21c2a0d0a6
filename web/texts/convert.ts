import ts from 'typescript';
import { hasWords, isText, piecesOf, bare, type Piece } from './messages.ts';

/** Attributes and properties that people read, whatever stands in them. */
const READ =
  /^(label|title|placeholder|description|alt|aria-(label|description|roledescription|valuetext|placeholder)|nothingFoundMessage|verb|explanation|empty|caption|error|thumbLabel|ariaLabel|message|hint|text|confirm|cancel|heading|summary|note|question)$/;
/** Attributes and properties that nobody reads. */
const UNREAD =
  /^(className|class|style|d|viewBox|id|key|href|src|to|type|role|variant|color|size|target|rel|accept|autoComplete|inputMode|value|component|transform|fill|stroke|points|kind|op|table|path|method|width|height|data-.*|gridTemplateColumns|cursor|fontFamily|styles|classNames|params|search|document|query|tone|position|justify|align|wrap|aria-(labelledby|live|haspopup|describedby|controls|autocomplete|sort|current)|labelPosition|orient|mask|format|valueFormat|weekdayFormat|name|code|operator|event|locale|timeZone|unit|slot|transition|overflow|display|whiteSpace|background|border|margin|padding|gap|flex|c|p|m|mt|mb|ml|mr|py|px|pt|pb|ta)$/;
/** Calls whose words are not shown. */
const CALLS =
  /^(querySelector|querySelectorAll|closest|matches|addEventListener|removeEventListener|getItem|setItem|removeItem|setAttribute|getAttribute|hasAttribute|removeAttribute|setProperty|getPropertyValue|createElement|matchMedia|includes|startsWith|endsWith|indexOf|split|replace|replaceAll|test|match|dispatchEvent|ask|perform|gql|import|lazy|formatToParts|Worker|URL|URLSearchParams|RegExp|NumberFormat|DateTimeFormat|DisplayNames|Locale|getContext|useInquiry|toLocaleString|localeCompare|warn|debug|has|Set|getElementById|append|select|Failure|setRequestHeader|postMessage|execCommand|createRoot|useStore|BroadcastChannel|request|getPropertyValue|observe|measure|mark|resolvedOptions|useHotkeys|getHotkeyHandler|supportedValuesOf|webkitGetAsEntry|File|Blob|padStart|padEnd|t)$/;
const KEYS =
  /^(Enter|Escape|Tab|Space|Home|End|Delete|Backspace|Page(Up|Down)|Arrow\w+|Shift|Control|Meta|Alt|UTC|Bearer|Infinity|Relvar|F\d+|Inter|Z|POST|GET)$/;
/** Elements within a sentence. What stands in any other is a text of its own. */
const INLINE = new Set([
  'strong',
  'b',
  'em',
  'i',
  'code',
  'kbd',
  'a',
  'span',
  'Link',
  'Anchor',
  'mark',
  'br',
  'bdi',
  'abbr',
  'time',
  'small',
  'Code',
  'Kbd',
]);
/** What is the same in every language. */
const VERBATIM = new Set(['code', 'pre', 'kbd', 'Code', 'Kbd', 'style', 'script']);

export interface Found {
  line: number;
  text: string;
}

const quote = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
const escaped = (text: string): string => text.replaceAll(/[{}]|<(?=\/?\d+>)/g, (sign) => `'${sign}'`);
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const ENTITIES: { [name: string]: string } = { quot: '"', amp: '&', lt: '<', gt: '>', nbsp: '\u00a0', apos: "'" };
const decoded = (text: string): string => text.replaceAll(/&(\w+);/g, (all, name: string) => ENTITIES[name] ?? all);

/** As JSX reads it: lines are trimmed, and joined by a space. */
function jsxText(raw: string): string {
  const lines = raw.split('\n');
  return decoded(
    lines
      .map((line, index) => {
        let kept = line.replaceAll('\t', ' ');
        if (index > 0) kept = kept.replace(/^ +/, '');
        if (index < lines.length - 1) kept = kept.replace(/ +$/, '');
        return kept;
      })
      .filter(Boolean)
      .join(' '),
  );
}

/** Whether what stands anywhere, not where a text is wanted, is one: a sentence, or words with a space between. */
function readsLikeText(text: string): boolean {
  if (
    /[{}<>=$[\]]|;(?! \p{L})|^[/.#@]|:\/\/|\b(px|rgb|var\(|calc\(|translate\(|minmax\(|repeat\()|\d(px|ms|%|fr)\b|^\(|\w\(\w*,/u.test(
      text.replaceAll('{}', ''),
    )
  )
    return false;
  const words = text.replaceAll('{}', ' ');
  if (/^[A-Z_0-9 ]+$/.test(words) || !/\p{L}{2}/u.test(words)) return false;
  return /[\p{L}\d.,’”)–…]\s+[\p{L}“(–]/u.test(text.replaceAll('{}', 'x')) && !/^[a-z]+(-[a-z]+)+ [a-z-]+$/.test(text);
}

export function convert(
  file: ts.SourceFile,
  checker: ts.TypeChecker,
  importPath: (name: string) => string,
): { source: string; found: Found[] } {
  const source = file.text;
  const found: Found[] = [];
  let usesT = false;
  let usesTrans = false;
  const lineOf = (node: ts.Node) => file.getLineAndCharacterOfPosition(startOf(node)).line + 1;
  const startOf = (node: ts.Node) => (ts.isJsxText(node) ? node.pos : node.getStart(file));

  /** The source of a node with all texts within converted. */
  function inner(node: ts.Node): string {
    let result = '';
    let position = startOf(node);
    ts.forEachChild(node, (child) => {
      const start = startOf(child);
      if (start < position) return;
      result += source.slice(position, start) + emit(child);
      position = child.end;
    });
    return result + source.slice(position, node.end);
  }

  /** A line that says so has no text: the words are names for a program, or examples that are the same in every language. */
  const isExcused = (node: ts.Node): boolean => {
    const { parent } = node;
    if (ts.isAsExpression(parent) && ts.isConstTypeReference(parent.type)) return true;
    if (
      ts.isArrayLiteralExpression(parent) &&
      ts.isAsExpression(parent.parent) &&
      ts.isConstTypeReference(parent.parent.type)
    )
      return true;
    const lines = file.getLineStarts();
    const { line } = file.getLineAndCharacterOfPosition(startOf(node));
    return [line - 1, line].some(
      (each) => each >= 0 && /\/[/*] no text/.test(source.slice(lines[each], lines[each + 1])),
    );
  };

  function isShown(type: ts.Type): boolean {
    const types = type.isUnion() ? type.types : [type];
    return types.every((each) =>
      Boolean(
        each.flags &
        (ts.TypeFlags.StringLike |
          ts.TypeFlags.NumberLike |
          ts.TypeFlags.Null |
          ts.TypeFlags.Undefined |
          ts.TypeFlags.BooleanLike),
      ),
    );
  }

  // ---- from pieces to a call ----
  function nameOf(given: ts.Expression): string {
    const node = bare(given);
    if (ts.isIdentifier(node)) return node.text;
    if (ts.isPropertyAccessExpression(node)) {
      if (node.name.text === 'length' || node.name.text === 'size') return 'count';
      return node.name.text;
    }
    if (ts.isCallExpression(node)) {
      const callee = node.expression;
      if (ts.isPropertyAccessExpression(callee))
        return /^(to|trim|join|replace|slice|at|map|filter|format|get|find|flatMap|split)/.test(callee.name.text)
          ? nameOf(callee.expression)
          : callee.name.text;
      const [first] = node.arguments;
      if (first && !ts.isArrowFunction(first) && !ts.isObjectLiteralExpression(first)) {
        const name = nameOf(first);
        if (name !== 'value') return name;
      }
      return nameOf(callee)
        .replace(/^(format|use)(?=[A-Z])/, '')
        .replace(/^[A-Z]/, (letter) => letter.toLowerCase());
    }
    if (ts.isElementAccessExpression(node)) return nameOf(node.expression);
    if (ts.isBinaryExpression(node)) return nameOf(node.left);
    if (ts.isConditionalExpression(node))
      return ts.isConditionalExpression(bare(node.whenTrue)) ? 'value' : nameOf(node.whenTrue);
    if (ts.isPrefixUnaryExpression(node)) return nameOf(node.operand);
    if (ts.isAwaitExpression(node)) return nameOf(node.expression);
    return 'value';
  }

  function oneMessage(pieces: Piece[], isInJsx: boolean): string {
    const names = new Map<string, string>();
    const values: string[] = [];
    const tags: string[] = [];
    let isRich = false;
    const argument = (key: string, wanted: string, text: string, node: ts.Node): string => {
      const known = names.get(key);
      if (known) return known;
      const base = /^[A-Z_\d]+$/.test(wanted)
        ? wanted.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
        : /^[a-z]\w*$/i.test(wanted)
          ? wanted.charAt(0).toLowerCase() + wanted.slice(1)
          : 'value';
      let name = base;
      const taken = new Set(names.values());
      const parent = ts.isExpression(node) ? bare(node) : node;
      if (taken.has(name) && ts.isPropertyAccessExpression(parent)) name = nameOf(parent.expression) + capital(base);
      for (let number = 2; taken.has(name); number += 1) name = `${base}${number}`;
      names.set(key, name);
      values.push(name === text ? name : `${name}: ${text}`);
      return name;
    };
    const key = (node: ts.Expression) =>
      bare(node)
        .getText(file)
        .replace(/\.toLocaleString\('en'\)$/, '')
        .replace(/^(counted|number|withSigns)\((.*)\)$/, '$2');
    const write = (all: Piece[], number: string | null): string =>
      all
        .map((piece) => {
          if ('text' in piece)
            return number === null ? escaped(piece.text) : escaped(piece.text).replaceAll('#', "'#'");
          if ('plural' in piece) {
            const name = argument(
              key(piece.plural),
              ts.isCallExpression(bare(piece.plural)) ? 'count' : nameOf(piece.plural),
              emitValue(piece.plural),
              piece.plural,
            );
            const within = key(piece.plural);
            return `{${name}, plural, one {${write(piece.one, within)}} other {${write(piece.other, within)}}}`;
          }
          if ('expression' in piece) {
            if (number !== null && key(piece.expression) === number) return '#';
            const isPlain = isShown(checker.getTypeAtLocation(piece.expression));
            if (!isPlain && isInJsx) isRich = true;
            const value = emitText(piece.expression);
            const given = isPlain || isInJsx ? value : `String(${value})`;
            return `{${argument(bare(piece.expression).getText(file), nameOf(piece.expression), given, piece.expression)}}`;
          }
          if ('element' in piece) {
            isRich = true;
            const open = piece.element;
            const attributes = inner(open.attributes);
            tags.push(`<${open.tagName.getText(file)} ${attributes} />`);
            const index = tags.length - 1;
            return `<${index}>${write(piece.pieces, number)}</${index}>`;
          }
          if ('node' in piece) {
            isRich = true;
            const opening = ts.isJsxElement(piece.node)
              ? piece.node.openingElement.tagName
              : ts.isJsxFragment(piece.node)
                ? null
                : piece.node.tagName;
            const name = opening ? opening.getText(file).replaceAll(/\W/g, '') : 'value';
            return `{${argument(piece.node.getText(file), /^(code|kbd|span|strong|b|em)$/i.test(name) ? 'value' : name, emit(piece.node), piece.node)}}`;
          }
          return '';
        })
        .join('');
    const text = write(hoisted(pieces), null);
    if (!isRich && !wordy(pieces)) {
      const [only] = pieces;
      if (pieces.length === 1 && only && 'expression' in only) return emitText(only.expression);
      return `\`${pieces.map((piece) => ('text' in piece ? piece.text : 'expression' in piece ? `\${${emitText(piece.expression)}}` : '')).join('')}\``;
    }
    if (!isRich) {
      usesT = true;
      return `t(${quote(text)}${values.length > 0 ? `, { ${values.join(', ')} }` : ''})`;
    }
    usesTrans = true;
    return `<Trans text={${quote(text)}}${values.length > 0 ? ` values={{ ${values.join(', ')} }}` : ''}${tags.length > 0 ? ` tags={{ ${tags.map((tag, index) => `${index}: ${tag}`).join(', ')} }}` : ''} />`;
  }

  const emitValue = (node: ts.Expression) => emit(node);

  /** All of the text stands in each form, so that a language may say it as it says it. */
  function hoisted(pieces: Piece[]): Piece[] {
    const plurals = pieces.filter((piece) => 'plural' in piece);
    const first = plurals[0];
    if (!first || plurals.some((each) => each.plural.getText(file) !== first.plural.getText(file))) return pieces;
    const form = (which: 'one' | 'other') => pieces.flatMap((piece) => ('plural' in piece ? piece[which] : [piece]));
    if (pieces.some((piece) => 'element' in piece || 'node' in piece)) return pieces;
    return [{ plural: first.plural, one: form('one'), other: form('other') }];
  }

  /** Each way that the text may read is a text of its own. */
  function message(given: Piece[], isInJsx = false): string {
    const decide = (pieces: Piece[], known: Map<string, boolean>): string => {
      const first = firstCondition(pieces);
      if (!first)
        return pieces.every((piece) => 'text' in piece && piece.text === '') ? "''" : oneMessage(pieces, isInJsx);
      const key = first.getText(file);
      const side = (value: boolean) => decide(settle(pieces, key, value), new Map(known).set(key, value));
      return `(${emit(first)} ? ${side(true)} : ${side(false)})`;
    };
    return decide(given, new Map());
  }

  function firstCondition(pieces: Piece[]): ts.Expression | null {
    for (const piece of pieces) {
      const within =
        'condition' in piece
          ? piece.condition
          : 'plural' in piece
            ? (firstCondition(piece.one) ?? firstCondition(piece.other))
            : 'element' in piece
              ? firstCondition(piece.pieces)
              : null;
      if (within) return within;
    }
    return null;
  }

  const settle = (pieces: Piece[], condition: string, value: boolean): Piece[] =>
    pieces.flatMap((piece): Piece[] => {
      if ('condition' in piece) {
        const [yes, no] = [settle(piece.yes, condition, value), settle(piece.no, condition, value)];
        return piece.condition.getText(file) === condition ? (value ? yes : no) : [{ ...piece, yes, no }];
      }
      if ('plural' in piece)
        return [{ ...piece, one: settle(piece.one, condition, value), other: settle(piece.other, condition, value) }];
      if ('element' in piece) return [{ ...piece, pieces: settle(piece.pieces, condition, value) }];
      return [piece];
    });

  // ---- where a text is wanted ----
  function emitText(given: ts.Expression): string {
    const node = bare(given);
    if (node !== given && !ts.isParenthesizedExpression(given)) return emit(given);
    if (ts.isParenthesizedExpression(given)) return `(${emitText(given.expression)})`;
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return literal(node, true);
    if (ts.isConditionalExpression(node) && !simplePlural(node))
      return `${emit(node.condition)} ? ${emitText(node.whenTrue)} : ${emitText(node.whenFalse)}`;
    if (ts.isBinaryExpression(node)) {
      const kind = node.operatorToken.kind;
      if (kind === ts.SyntaxKind.QuestionQuestionToken || kind === ts.SyntaxKind.BarBarToken)
        return `${emitText(node.left)} ${node.operatorToken.getText(file)} ${emitText(node.right)}`;
      if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return `${emit(node.left)} && ${emitText(node.right)}`;
    }
    if ((isText(node) || isCount(node)) && wordy(piecesOf(node))) return report(node, message(piecesOf(node)));
    return emit(given);
  }

  const isCount = (node: ts.Expression) => piecesOf(node).some((piece) => 'plural' in piece);
  const simplePlural = (node: ts.Expression) => piecesOf(node).some((piece) => 'plural' in piece);

  const wordy = (pieces: Piece[]): boolean =>
    pieces.some((piece) => {
      if ('text' in piece) return hasWords(piece.text);
      if ('plural' in piece) return wordy(piece.one) || wordy(piece.other);
      if ('condition' in piece) return wordy(piece.yes) || wordy(piece.no);
      return 'element' in piece && wordy(piece.pieces);
    });

  function report(node: ts.Node, result: string): string {
    found.push({ line: lineOf(node), text: node.getText(file).slice(0, 160) });
    return result;
  }

  function isUntranslatable(text: string): boolean {
    return (
      !hasWords(text) ||
      /^\w+:\/\/|^([\w.+-]+@[\w.-]+(, )?)+$|^[/.#<]|^[a-z]+[A-Z]\w*$|^\w+_\w+$|^\w+(\.\w+)+$|^\w+\(.*\)$|^\w+ [=!<>]+ |^\w+ \* \w+$|^INV-$|^relvar-/.test(
        text.trim(),
      ) ||
      KEYS.test(text)
    );
  }

  function literal(node: ts.StringLiteral | ts.NoSubstitutionTemplateLiteral, isWanted: boolean): string {
    const { text } = node;
    if (isUntranslatable(text) || isExcused(node)) return node.getText(file);
    const contextual = checker.getContextualType(node);
    if (contextual) {
      const types = contextual.isUnion() ? contextual.types : [contextual];
      // One of a set of words is a name for the program.
      if (types.some((type) => type.isStringLiteral()) && !isWanted) return node.getText(file);
      if (
        types.some((type) => type.isStringLiteral()) &&
        !types.some((type) => type.flags & ts.TypeFlags.String) &&
        types.some((type) => type.isStringLiteral() && type.value === text) &&
        types.length > 1
      )
        return node.getText(file);
    }
    if (!isWanted && !readsLikeText(text)) {
      if (/^[A-Z][a-z]+$/.test(text)) return report(node, message([{ text }]));
      return node.getText(file);
    }
    return report(node, message([{ text }]));
  }

  // ---- JSX ----
  interface Child {
    node: ts.JsxChild;
    pieces: Piece[] | null;
    lead?: string;
  }

  function tagOf(node: ts.JsxElement | ts.JsxSelfClosingElement): string {
    return (ts.isJsxElement(node) ? node.openingElement.tagName : node.tagName).getText(file);
  }

  /** A child as part of a sentence; null where the sentence ends. */
  function childPieces(node: ts.JsxChild): Piece[] | null {
    if (ts.isJsxText(node)) {
      const text = jsxText(node.text);
      return text === '' ? [] : [{ text }];
    }
    if (ts.isJsxExpression(node)) {
      if (!node.expression) return [];
      const expression = bare(node.expression);
      const type = checker.getTypeAtLocation(expression);
      if (isExcused(expression)) return null;
      if (isText(expression) || isCount(expression)) return piecesOf(expression);
      if (ts.isJsxElement(expression)) return childPieces(expression);
      if (isShown(type)) return [{ expression: node.expression }];
      return null;
    }
    if (ts.isJsxElement(node)) {
      if (!INLINE.has(tagOf(node))) return null;
      if (VERBATIM.has(tagOf(node))) return [{ node }];
      const parts: Piece[] = [];
      for (const child of node.children) {
        const pieces = childPieces(child);
        if (pieces === null) return [{ node }];
        parts.push(...pieces);
      }
      return [{ element: node.openingElement, pieces: parts }];
    }
    if (ts.isJsxSelfClosingElement(node)) return INLINE.has(tagOf(node)) ? [{ node }] : null;
    return null;
  }

  const isPlainText = (pieces: Piece[] | null): boolean =>
    pieces !== null &&
    pieces.some((piece) => 'text' in piece || 'plural' in piece || 'condition' in piece) &&
    wordy(pieces);

  function jsxChildren(children: readonly ts.JsxChild[]): string {
    const all: Child[] = children.map((node) => ({ node, pieces: childPieces(node) }));
    let result = '';
    for (let index = 0; index < all.length;) {
      const child = all[index] as Child;
      if (child.pieces === null) {
        result += emit(child.node);
        index += 1;
        continue;
      }
      let end = index;
      while (end < all.length && (all[end] as Child).pieces !== null) end += 1;
      const run = all.slice(index, end);
      result += sentence(run);
      index = end;
    }
    return result;
  }

  /** Neighbours that are one sentence, if there are words between them. */
  function sentence(run: Child[]): string {
    if (!run.some(({ pieces }) => isPlainText(pieces))) return run.map(({ node }) => emitChild(node)).join('');
    // An icon before or after the words is no part of them.
    const isMute = ({ node, pieces }: Child) =>
      (ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node)) && !VERBATIM.has(tagOf(node)) && !wordy(pieces ?? []);
    const isSpace = ({ node }: Child) => ts.isJsxText(node) && node.text.trim() === '';
    let from = 0;
    let to = run.length;
    while (from < to && (isMute(run[from] as Child) || (isSpace(run[from] as Child) && isMute(run[from + 1] as Child))))
      from += 1;
    while (
      to > from &&
      (isMute(run[to - 1] as Child) || (isSpace(run[to - 1] as Child) && isMute(run[to - 2] as Child)))
    )
      to -= 1;
    if (from > 0 || to < run.length)
      return [
        ...run.slice(0, from).map(({ node }) => emitChild(node)),
        sentence(run.slice(from, to)),
        ...run.slice(to).map(({ node }) => emitChild(node)),
      ].join('');
    // Only one expression, and whatever space: as it is wanted there.
    const full = run.filter(({ pieces }) => pieces && pieces.length > 0);
    const only = full.length === 1 ? full[0] : undefined;
    if (only && ts.isJsxExpression(only.node)) return run.map(({ node }) => emitChild(node)).join('');
    const pieces = run.flatMap((each) => each.pieces ?? []);
    // Signs before the first word and after the last, such as a dot between two things, stay where they are.
    const merged: Piece[] = [];
    for (const piece of pieces) {
      const last = merged.at(-1);
      if (last && 'text' in last && 'text' in piece) merged[merged.length - 1] = { text: last.text + piece.text };
      else merged.push(piece);
    }
    const first = merged[0];
    const final = merged.at(-1);
    let before = '';
    let after = '';
    if (first && 'text' in first) {
      const trimmed = first.text.replace(/^\s+/, '');
      if (trimmed !== first.text) before = "{' '}";
      merged[0] = { text: trimmed };
    }
    if (final && 'text' in final) {
      const text = (merged.at(-1) as { text: string }).text;
      const trimmed = text.replace(/\s+$/, '');
      if (trimmed !== text) after = "{' '}";
      merged[merged.length - 1] = { text: trimmed };
    }
    const kept = merged.filter((piece) => !('text' in piece) || piece.text !== '');
    const firstNode = run.find(({ pieces: each }) => each && each.length > 0)?.node ?? (run[0] as Child).node;
    found.push({
      line: lineOf(firstNode),
      text: run
        .map(({ node }) => source.slice(startOf(node), node.end))
        .join('')
        .trim()
        .slice(0, 160),
    });
    const result = message(kept, true).replace(/^\((.*)\)$/s, '$1');
    const leadSpace = /^\s*\n/.test(source.slice(startOf((run[0] as Child).node))) ? '\n' : '';
    return `${leadSpace}${before}${result.startsWith('<') ? result : `{${result}}`}${after}`;
  }

  function emitChild(node: ts.JsxChild): string {
    if (ts.isJsxExpression(node) && node.expression)
      return `{${node.dotDotDotToken ? '...' : ''}${emitText(node.expression)}}`;
    if (ts.isJsxText(node)) return source.slice(node.pos, node.end);
    return emit(node);
  }

  function attribute(node: ts.JsxAttribute): string {
    const name = node.name.getText(file);
    const { initializer } = node;
    if (!initializer) return node.getText(file);
    if (name === 'text' && /^<Trans\s/.test(node.parent.parent.getText(file))) return node.getText(file);
    const isRead = READ.test(name);
    if (UNREAD.test(name) && ts.isStringLiteral(initializer)) return node.getText(file);
    if (/^(className|style|key|id|d|transform|to|href|src|data-.*)$/.test(name)) return node.getText(file);
    if (ts.isStringLiteral(initializer)) {
      if (isRead) {
        const result = literal(initializer, true);
        return result.startsWith('t(') || result.startsWith('(') ? `${name}={${result}}` : node.getText(file);
      }
      const result = literal(initializer, false);
      return result.startsWith('t(') ? `${name}={${result}}` : node.getText(file);
    }
    if (ts.isJsxExpression(initializer) && initializer.expression && isRead)
      return `${name}={${emitText(initializer.expression)}}`;
    return inner(node);
  }

  function calleeName(node: ts.CallExpression | ts.NewExpression): string {
    const callee = node.expression;
    return ts.isPropertyAccessExpression(callee)
      ? callee.name.text
      : ts.isIdentifier(callee)
        ? callee.text
        : callee.kind === ts.SyntaxKind.ImportKeyword
          ? 'import'
          : '';
  }

  function withChildrenReplaced(node: ts.JsxElement | ts.JsxFragment): string {
    const opening = ts.isJsxElement(node) ? node.openingElement : node.openingFragment;
    const closing = ts.isJsxElement(node) ? node.closingElement : node.closingFragment;
    const isVerbatim = ts.isJsxElement(node) && VERBATIM.has(tagOf(node));
    const children = isVerbatim
      ? node.children.map((child) => source.slice(startOf(child), child.end)).join('')
      : jsxChildren(node.children);
    return emit(opening) + children + closing.getText(file);
  }

  function emit(node: ts.Node): string {
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return node.getText(file);
    if (
      ts.isImportDeclaration(node) ||
      ts.isExportDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node)
    )
      return source.slice(startOf(node), node.end);
    if (ts.isJsxElement(node) || ts.isJsxFragment(node)) return withChildrenReplaced(node);
    if (ts.isJsxAttribute(node)) return attribute(node);
    if (ts.isJsxExpression(node)) return inner(node);
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const name = calleeName(node);
      if (name === 'split') return node.getText(file);
      if (name === 't') {
        const [text, ...rest] = node.arguments ?? [];
        if (!text) return node.getText(file);
        const pass =
          ts.isStringLiteral(text) || ts.isNoSubstitutionTemplateLiteral(text) ? text.getText(file) : emit(text);
        return `t(${[pass, ...rest.map((each) => emit(each))].join(', ')})`;
      }
      if (name === 'count' && isCount(node as ts.Expression))
        return report(node, message(piecesOf(node as ts.Expression)));
      if (CALLS.test(name)) {
        const parts = node.arguments ?? ts.factory.createNodeArray();
        let result = '';
        let position = startOf(node);
        const callee = node.expression;
        result += source.slice(position, startOf(callee)) + emit(callee);
        position = callee.end;
        for (const argument of parts) {
          const start = startOf(argument);
          const isBare =
            ts.isStringLiteral(argument) ||
            ts.isNoSubstitutionTemplateLiteral(argument) ||
            ts.isTemplateExpression(argument);
          result += source.slice(position, start) + (isBare ? argument.getText(file) : emit(argument));
          position = argument.end;
        }
        return result + source.slice(position, node.end);
      }
      return inner(node);
    }
    if (ts.isPropertyAssignment(node)) {
      const name = node.name.getText(file).replaceAll(/['"]/g, '');
      const head = source.slice(startOf(node), startOf(node.initializer));
      if (READ.test(name)) return head + emitText(node.initializer);
      if (UNREAD.test(name) && (ts.isStringLiteral(node.initializer) || ts.isTemplateExpression(node.initializer)))
        return node.getText(file);
      return head + emit(node.initializer);
    }
    if (ts.isBinaryExpression(node)) {
      const kind = node.operatorToken.kind;
      if (kind === ts.SyntaxKind.EqualsToken && node.left.getText(file) === 'this.name') return node.getText(file);
      const compares =
        kind === ts.SyntaxKind.EqualsEqualsEqualsToken ||
        kind === ts.SyntaxKind.ExclamationEqualsEqualsToken ||
        kind === ts.SyntaxKind.InKeyword;
      if (compares) {
        const side = (each: ts.Expression) => (ts.isStringLiteral(each) ? each.getText(file) : emit(each));
        return side(node.left) + source.slice(node.left.end, startOf(node.right)) + side(node.right);
      }
      if (isText(node) && readsLikeText(sketch(piecesOf(node)))) return report(node, message(piecesOf(node)));
      return inner(node);
    }
    if (ts.isCaseClause(node))
      return source.slice(startOf(node), node.expression.end) + statementsOf(node, node.expression.end);
    if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression))
      return emit(node.expression) + source.slice(node.expression.end, node.end);
    if (ts.isTaggedTemplateExpression(node)) return node.getText(file);
    if (ts.isTemplateExpression(node)) {
      const pieces = piecesOf(node);
      if (readsLikeText(sketch(pieces)) && !isExcused(node)) return report(node, message(pieces));
      return inner(node);
    }
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
      const parent = node.parent;
      if (ts.isPropertyAssignment(parent) && parent.name === node) return node.getText(file);
      if (ts.isPropertySignature(parent) || ts.isExternalModuleReference(parent) || ts.isEnumMember(parent))
        return node.getText(file);
      return literal(node, false);
    }
    return inner(node);
  }

  function statementsOf(node: ts.CaseClause, from: number): string {
    let result = '';
    let position = from;
    for (const statement of node.statements) {
      result += source.slice(position, startOf(statement)) + emit(statement);
      position = statement.end;
    }
    return result + source.slice(position, node.end);
  }

  const sketch = (pieces: Piece[]): string =>
    pieces
      .map((piece) =>
        'text' in piece
          ? piece.text
          : 'plural' in piece
            ? sketch(piece.other)
            : 'condition' in piece
              ? sketch(piece.yes)
              : '{}',
      )
      .join('');

  let body = '';
  let position = 0;
  for (const statement of file.statements) {
    body += source.slice(position, startOf(statement)) + emit(statement);
    position = statement.end;
  }
  body += source.slice(position);
  const imports: string[] = [];
  if (usesT && !/import \{[^}]*\bt\b[^}]*\} from '[./]*language\/t\.ts'/.test(source))
    imports.push(`import { t } from '${importPath('t.ts')}';`);
  if (usesTrans && !/import \{ Trans \}/.test(source))
    imports.push(`import { Trans } from '${importPath('Trans.tsx')}';`);
  if (imports.length > 0) {
    const lastImport = file.statements.findLast((each) => ts.isImportDeclaration(each));
    // Imports are never changed, so they stand in the body as they stood in the source.
    const at = lastImport ? lastImport.end : 0;
    body = lastImport
      ? `${body.slice(0, at)}\n${imports.join('\n')}${body.slice(at)}`
      : `${imports.join('\n')}\n\n${body}`;
  }
  if (!/\bcount\(/.test(body))
    body = body
      .replace(/import \{ count \} from '[./]*planText.ts';\n/, '')
      .replace(/(import \{.*)\bcount, (.*planText.ts';\n)/, '$1$2');
  return { source: found.length > 0 ? body : source, found };
}
