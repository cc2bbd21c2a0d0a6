import type { Piece } from './readMarkdown.ts';
import { readLine } from './readMarkdown.ts';

type Mark = NonNullable<Piece['marks']>[number];

/** From the outermost to the innermost. */
const SIGNS: { [mark: string]: string } = { bold: '**', italic: '*', strike: '~~' };
const TAGS: { [mark: string]: string } = { bold: 'strong', italic: 'em', strike: 's' };
const OUTWARD = ['link', 'bold', 'italic', 'strike', 'code'];

const sorted = (marks: Mark[] = []): Mark[] =>
  [...marks].sort((a, b) => OUTWARD.indexOf(a.type) - OUTWARD.indexOf(b.type));
const hrefOf = (mark: Mark | undefined): string => String(mark?.attrs?.['href'] ?? '');
const sameMark = (a: Mark, b: Mark): boolean => a.type === b.type && hrefOf(a) === hrefOf(b);
const has = (piece: Piece, mark: Mark): boolean => (piece.marks ?? []).some((each) => sameMark(each, mark));

/** Pieces of a line with neighbours that are alike as one, their marks in one order, and what Markdown cannot hold left out. */
function tidyLine(pieces: Piece[]): Piece[] {
  const all: Piece[] = [];
  for (const piece of pieces) {
    const code = piece.marks?.find(({ type }) => type === 'code');
    const marks = sorted(piece.type === 'text' ? (code ? [code] : piece.marks) : []).map((mark) =>
      mark.type === 'link' ? { type: 'link', attrs: { href: hrefOf(mark) } } : { type: mark.type },
    );
    const own = marks.length > 0 ? { marks } : {};
    if (piece.type === 'text') {
      // oxlint-disable-next-line no-control-regex
      const text = (piece.text ?? '').replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ');
      const last = all.at(-1);
      if (text === '') continue;
      if (last?.type === 'text' && JSON.stringify(last.marks ?? []) === JSON.stringify(marks)) last.text += text;
      else all.push({ type: 'text', text, ...own });
    } else if (piece.type === 'image')
      all.push({
        type: 'image',
        attrs: { src: piece.attrs?.['src'] ?? '', alt: wordsOf(piece.attrs?.['alt']) || null },
      });
    else if (piece.type === 'mention') all.push({ type: 'mention', attrs: { id: piece.attrs?.['id'] } });
    else all.push({ type: piece.type });
  }
  return all;
}

const wordsOf = (value: unknown): string => (typeof value === 'string' ? value.replace(/\s+/g, ' ').trim() : '');

/** Blanks at the ends of what is marked are outside of it, and there are none around a line. */
function expelBlanks(pieces: Piece[]): Piece[] {
  let all = pieces;
  for (const type of ['strike', 'italic', 'bold', 'link']) {
    const next: Piece[] = [];
    for (let at = 0; at < all.length;) {
      const mark = all[at]!.marks?.find((each) => each.type === type);
      if (!mark) {
        next.push(all[at]!);
        at += 1;
        continue;
      }
      let end = at;
      while (end < all.length && has(all[end]!, mark)) end += 1;
      next.push(...trimRun(all.slice(at, end), mark));
      at = end;
    }
    all = tidyLine(next);
  }
  return trimLines(all);
}

const unmarked = (piece: Piece, mark: Mark): Piece => ({
  ...piece,
  marks: (piece.marks ?? []).filter((each) => each.type !== mark.type),
});

function trimRun(run: Piece[], mark: Mark): Piece[] {
  const pieces = [...run];
  const before: Piece[] = [];
  const after: Piece[] = [];
  const isCode = (piece: Piece) => piece.marks?.some(({ type }) => type === 'code');
  while (pieces.length > 0 && !isCode(pieces[0]!)) {
    const text = pieces[0]!.text ?? '';
    const rest = text.trimStart();
    if (rest.length < text.length)
      before.push({ ...unmarked(pieces[0]!, mark), text: text.slice(0, text.length - rest.length) });
    if (rest !== '') {
      pieces[0] = { ...pieces[0]!, text: rest };
      break;
    }
    pieces.shift();
  }
  while (pieces.length > 0 && !isCode(pieces.at(-1)!)) {
    const text = pieces.at(-1)!.text ?? '';
    const rest = text.trimEnd();
    if (rest.length < text.length) after.unshift({ ...unmarked(pieces.at(-1)!, mark), text: text.slice(rest.length) });
    if (rest !== '') {
      pieces[pieces.length - 1] = { ...pieces.at(-1)!, text: rest };
      break;
    }
    pieces.pop();
  }
  return [...before, ...pieces, ...after];
}

function trimLines(pieces: Piece[]): Piece[] {
  const isPlain = (piece: Piece | undefined) =>
    piece?.type === 'text' && !piece.marks?.some(({ type }) => type === 'code');
  const isEdge = (piece: Piece | undefined) => piece === undefined || piece.type === 'hardBreak';
  return tidyLine(
    pieces.map((piece, at) => {
      if (!isPlain(piece)) return piece;
      let text = piece.text ?? '';
      if (isEdge(pieces[at - 1])) text = text.trimStart();
      if (isEdge(pieces[at + 1])) text = text.trimEnd();
      return { ...piece, text };
    }),
  );
}

function escaped(text: string, isLineStart: boolean): string {
  const plain = text
    .replace(/[\\`*~[\]<]/g, '\\$&')
    .replace(/_/g, (sign, at: number) =>
      /[\p{L}\p{N}]/u.test(text0(text, at - 1)) && /[\p{L}\p{N}]/u.test(text0(text, at + 1)) ? sign : `\\${sign}`,
    )
    .replace(/&(?=#?\w+;)/g, '\\&')
    .replace(/!$/, '\\!')
    .replace(/(https?|mailto):/gi, '$1\\:');
  if (!isLineStart) return plain;
  return plain
    .replace(/^(#{1,6})(?=\s|$)/, '\\$1')
    .replace(/^[>+=|:-]/, '\\$&')
    .replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2');
}

const text0 = (text: string, at: number): string => text[at] ?? ' ';

function codeSpan(text: string): string {
  const runs: string[] = text.match(/`+/g) ?? [];
  let fence = '`';
  while (runs.includes(fence)) fence += '`';
  const pad = /^`|`$/.test(text) || (/^ .* $/.test(text) && text.trim() !== '') ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

const target = (address: string): string =>
  /^[^\s<>()\\&"]+$/.test(address) ? address : `<${address.replace(/[\\<>&]/g, '\\$&')}>`;

interface Line {
  breaks: string;
  /** Whether marks are written as tags, which leave nothing to interpretation. */
  asTags: boolean;
}

function writePieces(pieces: Piece[], { breaks, asTags }: Line): string {
  let written = '';
  let open: Mark[] = [];
  const closeTo = (count: number) => {
    for (const mark of open.slice(count).reverse())
      written +=
        mark.type === 'link' ? `](${target(hrefOf(mark))})` : asTags ? `</${TAGS[mark.type]}>` : SIGNS[mark.type];
    open = open.slice(0, count);
  };
  pieces.forEach((piece, at) => {
    const wanted: Mark[] = sorted(piece.marks).filter(({ type }) => type !== 'code');
    let kept = 0;
    while (kept < open.length && wanted.some((mark) => sameMark(mark, open[kept]!))) kept += 1;
    closeTo(asTags ? 0 : kept);
    // What goes on longest is outermost.
    const lasts = (mark: Mark) => {
      let end = at;
      while (end < pieces.length && has(pieces[end]!, mark)) end += 1;
      return end;
    };
    const fresh = wanted.filter((mark) => !open.some((each) => sameMark(each, mark)));
    fresh.sort((a, b) => lasts(b) - lasts(a) || OUTWARD.indexOf(a.type) - OUTWARD.indexOf(b.type));
    const isStart = written === '' || written.endsWith('\n');
    for (const mark of fresh) {
      written += mark.type === 'link' ? '[' : asTags ? `<${TAGS[mark.type]}>` : SIGNS[mark.type];
      open.push(mark);
    }
    if (piece.type === 'hardBreak') {
      const isLast = pieces.slice(at).every(({ type }) => type === 'hardBreak');
      written += isLast ? '<br>' : breaks;
    } else if (piece.type === 'mention') written += `<@${String(piece.attrs?.['id'])}>`;
    else if (piece.type === 'image')
      written += `![${escaped(wordsOf(piece.attrs?.['alt']), false)}](${target(String(piece.attrs?.['src'] ?? ''))})`;
    else if (piece.marks?.some(({ type }) => type === 'code')) written += codeSpan(piece.text ?? '');
    else written += escaped(piece.text ?? '', isStart && fresh.length === 0);
  });
  closeTo(0);
  return written;
}

/** An address that stands for itself is written bare. */
const bareLink = ({ marks = [], text = '' }: Piece): boolean =>
  marks.length === 1 &&
  marks[0]!.type === 'link' &&
  hrefOf(marks[0]) === text &&
  /^https?:\/\/[\w./?=&%#~+@:-]*[\w/]$/i.test(text);

function writeLine(given: Piece[] | undefined, breaks: string): string {
  const pieces = expelBlanks(tidyLine(given ?? []));
  const usual = pieces.reduce<Piece[][]>(
    (parts, piece) => {
      if (bareLink(piece)) parts.push([piece], []);
      else parts.at(-1)!.push(piece);
      return parts;
    },
    [[]],
  );
  const aims = JSON.stringify(pieces);
  const reads = (text: string) => JSON.stringify(expelBlanks(tidyLine(readLine(text.trim())))) === aims;
  if (usual.length > 1) {
    const text = usual
      .map((part) =>
        part.length === 1 && bareLink(part[0]!) ? part[0]!.text : writePieces(part, { breaks, asTags: false }),
      )
      .join('');
    if (reads(text)) return text;
  }
  const text = writePieces(pieces, { breaks, asTags: false });
  if (!pieces.some(({ marks, type }) => (marks?.length ?? 0) > 0 || type === 'image') || reads(text)) return text;
  return writePieces(pieces, { breaks, asTags: true });
}

const LISTS = ['bulletList', 'taskList', 'orderedList'];
const isEmpty = (piece: Piece | undefined): boolean =>
  piece?.type === 'paragraph' && expelBlanks(tidyLine(piece.content ?? [])).length === 0;

const indented = (text: string, by: string): string => text.replace(/\n(?=[^\n])/g, `\n${by}`);

function writeItem(item: Piece, marker: string): string {
  const blocks = (item.content ?? []).filter((block, at) => at === 0 || !isEmpty(block));
  const box = item.type === 'taskItem' ? (item.attrs?.['checked'] === true ? '[x] ' : '[ ] ') : '';
  const [first, ...rest] = blocks;
  if (isEmpty(first) && box === '' && rest.length > 0)
    return marker + indented(writeBlocks(rest), ' '.repeat(marker.length));
  return (marker + indented(writeBlocks(blocks, box), ' '.repeat(marker.length))).trimEnd();
}

function writeList(list: Piece, isOther: boolean): string {
  const start = Math.max(0, Math.min(999_999, Number(list.attrs?.['start'] ?? 1) || 0));
  return (list.content ?? [])
    .map((item, at) => {
      if (list.type === 'orderedList') return writeItem(item, `${start + at}${isOther ? ')' : '.'} `);
      return writeItem(item, isOther ? '* ' : '- ');
    })
    .join('\n');
}

function writeTable(table: Piece): string {
  const rows = (table.content ?? []).map((row) =>
    (row.content ?? []).map((cell) =>
      (cell.content ?? [])
        .map((block) => writeLine(block.content, '<br>'))
        .join('<br>')
        .replaceAll('|', '\\|'),
    ),
  );
  const width = Math.max(1, ...rows.map((row) => row.length));
  const [head = [], ...body] = rows.map((row) => [...row, ...Array<string>(width - row.length).fill('')]);
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(Array<string>(width).fill('---')), ...body.map(line)].join('\n');
}

function writeBlock(block: Piece, isOther: boolean): string {
  switch (block.type) {
    case 'heading':
      return `${'#'.repeat(Number(block.attrs?.['level'] ?? 1))} ${writeLine(block.content, '<br>').replace(/(\s|^)(#+)$/, '$1\\$2')}`.trimEnd();
    case 'blockquote':
      return `> ${writeBlocks(block.content ?? [])}`.replace(/\n/g, '\n> ').replace(/^> $/gm, '>');
    case 'codeBlock': {
      const text = (block.content ?? []).map((piece) => piece.text ?? '').join('');
      const fence = '`'.repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));
      const language = String(block.attrs?.['language'] ?? '').replace(/[^\w+#.-]/g, '');
      return `${fence}${language}\n${text === '' ? '' : `${text}\n`}${fence}`;
    }
    case 'horizontalRule':
      return '___';
    case 'table':
      return writeTable(block);
    case 'bulletList':
    case 'taskList':
    case 'orderedList':
      return writeList(block, isOther);
    default:
      return writeLine(block.content, '\\\n');
  }
}

/** Two lists of a kind, one after the other, would be one but for their markers. */
const kindOf = (block: Piece): string =>
  block.type === 'orderedList' ? 'numbers' : LISTS.includes(block.type) ? 'bullets' : '';

function writeBlocks(blocks: Piece[], box = ''): string {
  let written = '';
  let before: Piece | undefined;
  let isOther = false;
  for (const [at, block] of blocks.entries()) {
    if (isEmpty(block) && !(at === 0 && box !== '')) continue;
    isOther = before !== undefined && kindOf(block) !== '' && kindOf(block) === kindOf(before) ? !isOther : false;
    const text = writeBlock(block, isOther);
    if (before) {
      const goesOn = before.type === 'paragraph' && /^(?:[-*]|1[.)]) +\S/.test(text) && LISTS.includes(block.type);
      written += goesOn ? '\n' : '\n\n';
    }
    written += at === 0 ? box + text : text;
    before = block;
  }
  return written;
}

/** The Markdown of a document: read again it is the same one, save for empty paragraphs and blanks around lines. */
export const writeMarkdown = (document: Piece): string => writeBlocks(document.content ?? []);
