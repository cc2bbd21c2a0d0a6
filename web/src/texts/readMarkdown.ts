import MarkdownIt, { type StateInline, type Token } from 'markdown-it';
import { isSafeAddress } from './addresses.ts';

/** A document as the editor's library takes it. */
export interface Piece {
  type: string;
  attrs?: { [name: string]: unknown };
  content?: Piece[];
  marks?: { type: string; attrs?: { [name: string]: unknown } }[];
  text?: string;
}

const TAGS: { [tag: string]: string } = { strong: 'bold', em: 'italic', s: 'strike' };
const MENTION = /^<@([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})>/i;

/** What is between a tag and its end, where the tag stands; the few tags are for what signs alone cannot say. */
function tagged(state: StateInline): { tag: string; from: number; to: number } | null {
  const opened = /^<(strong|em|s)>/.exec(state.src.slice(state.pos, state.pos + 8));
  if (!opened) return null;
  const tag = opened[1]!;
  const from = state.pos + opened[0].length;
  let depth = 1;
  // What is escaped or in code is none.
  const bounds = new RegExp(`\\\\.|(\`+)(?!\`)(?:(?!\\1(?!\`))[^])*?[^\`]\\1(?!\`)|<(/?)${tag}>`, 'g');
  bounds.lastIndex = from;
  for (let found = bounds.exec(state.src); found && found.index < state.posMax; found = bounds.exec(state.src)) {
    if (found[2] === undefined) continue;
    depth += found[2] ? -1 : 1;
    if (depth === 0) return { tag, from, to: found.index };
  }
  return null;
}

function readAngle(state: StateInline, silent: boolean): boolean {
  if (state.src.charCodeAt(state.pos) !== 0x3c) return false;
  const rest = state.src.slice(state.pos, state.posMax);
  const mention = MENTION.exec(rest);
  if (mention) {
    if (!silent) state.push('mention', '', 0).meta = { id: mention[1]!.toLowerCase() };
    state.pos += mention[0].length;
    return true;
  }
  const broken = /^<br ?\/?>/.exec(rest);
  if (broken) {
    if (!silent) state.push('hardbreak', 'br', 0);
    state.pos += broken[0].length;
    return true;
  }
  const inside = tagged(state);
  if (!inside) return false;
  if (!silent) {
    const end = state.posMax;
    state.push(`${inside.tag}_open`, inside.tag, 1);
    state.pos = inside.from;
    state.posMax = inside.to;
    state.md.inline.tokenize(state);
    state.posMax = end;
    state.push(`${inside.tag}_close`, inside.tag, -1);
  }
  state.pos = inside.to + inside.tag.length + 3;
  return true;
}

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
markdown.linkify.add('ftp:', null as never).add('//', null as never);
markdown.inline.ruler.before('autolink', 'angle', readAngle);
markdown.validateLink = isSafeAddress;
markdown.normalizeLink = (address) => address;
markdown.normalizeLinkText = (address) => address;

type Mark = NonNullable<Piece['marks']>[number];

const without = (marks: Mark[], type: string): Mark[] => {
  const at = marks.findLastIndex((mark) => mark.type === type);
  return marks.filter((_, index) => index !== at);
};

function readInline(tokens: Token[]): Piece[] {
  const pieces: Piece[] = [];
  let marks: Mark[] = [];
  const add = (piece: Piece) => pieces.push(marks.length > 0 ? { ...piece, marks: distinct(marks) } : piece);
  const addText = (text: string, extra?: Mark) => {
    if (text === '') return;
    const own = distinct(extra ? [extra] : marks);
    const last = pieces.at(-1);
    if (last?.type === 'text' && JSON.stringify(last.marks ?? []) === JSON.stringify(own)) last.text += text;
    else pieces.push({ type: 'text', text, ...(own.length > 0 ? { marks: own } : {}) });
  };
  for (const token of tokens) {
    const opened = /^(strong|em|s)_(open|close)$/.exec(token.type);
    if (opened) {
      const type = TAGS[opened[1]!]!;
      marks = opened[2] === 'open' ? [...marks, { type }] : without(marks, type);
      continue;
    }
    switch (token.type) {
      case 'text':
        addText(token.content);
        break;
      case 'code_inline':
        addText(token.content, { type: 'code' });
        break;
      case 'softbreak':
      case 'hardbreak':
        add({ type: 'hardBreak' });
        break;
      case 'link_open':
        marks = [...marks, { type: 'link', attrs: { href: token.attrGet('href') } }];
        break;
      case 'link_close':
        marks = without(marks, 'link');
        break;
      case 'image':
        add({ type: 'image', attrs: { src: token.attrGet('src'), alt: wordsOf(token) || null } });
        break;
      case 'mention':
        add({ type: 'mention', attrs: { id: token.meta?.['id'] } });
        break;
      default:
        addText(token.content);
    }
  }
  return pieces;
}

const wordsOf = (token: Token): string =>
  markdown.renderer.renderInlineAsText(token.children ?? [], markdown.options, {});

const distinct = (marks: Mark[]): Mark[] =>
  marks.filter((mark, index) => marks.findIndex(({ type }) => type === mark.type) === index);

const paragraph = (content: Piece[]): Piece =>
  content.length > 0 ? { type: 'paragraph', content } : { type: 'paragraph' };

/** In lists a block begins with a paragraph. */
const withParagraph = (content: Piece[]): Piece[] =>
  content[0]?.type === 'paragraph' ? content : [{ type: 'paragraph' }, ...content];

const BOX = /^\[([ xX])\](?:[ \t]+|$)/;

/** Whether an item of a list begins with a box to tick. */
const isTask = (tokens: Token[], at: number): boolean =>
  tokens[at + 1]?.type === 'paragraph_open' && BOX.test(tokens[at + 2]?.content ?? '');

function endOf(tokens: Token[], at: number): number {
  let depth = 0;
  for (let index = at; index < tokens.length; index++) {
    depth += tokens[index]!.nesting;
    if (depth === 0) return index;
  }
  return tokens.length - 1;
}

function readList(tokens: Token[], from: number, to: number): Piece[] {
  const items: { isTask: boolean; piece: Piece }[] = [];
  for (let at = from + 1; at < to; at++) {
    const end = endOf(tokens, at);
    const task = tokens[from]!.type === 'bullet_list_open' && isTask(tokens, at);
    const box = task ? BOX.exec(tokens[at + 2]!.content) : null;
    if (box) dropFirst(tokens[at + 2]!.children ?? [], box[0].length);
    const content = withParagraph(readBlocks(tokens, at + 1, end));
    items.push({
      isTask: task,
      piece: box ? { type: 'taskItem', attrs: { checked: box[1] !== ' ' }, content } : { type: 'listItem', content },
    });
    at = end;
  }
  const lists: Piece[] = [];
  for (const { isTask: ticks, piece } of items) {
    const type = ticks ? 'taskList' : tokens[from]!.type === 'ordered_list_open' ? 'orderedList' : 'bulletList';
    const last = lists.at(-1);
    if (last?.type === type) last.content!.push(piece);
    else {
      const start = Number(tokens[from]!.attrGet('start') ?? 1);
      lists.push({ type, ...(type === 'orderedList' ? { attrs: { start } } : {}), content: [piece] });
    }
  }
  return lists;
}

/** Takes the box off the text that follows it. */
function dropFirst(tokens: Token[], count: number): void {
  let left = count;
  while (left > 0 && tokens[0]?.type === 'text') {
    const dropped = Math.min(left, tokens[0].content.length);
    tokens[0].content = tokens[0].content.slice(dropped);
    left -= dropped;
    if (tokens[0].content === '') tokens.shift();
  }
}

function readTable(tokens: Token[], from: number, to: number): Piece {
  const rows: Piece[] = [];
  for (let at = from + 1; at < to; at++) {
    const token = tokens[at]!;
    if (token.type === 'tr_open') rows.push({ type: 'tableRow', content: [] });
    else if (token.type === 'th_open' || token.type === 'td_open')
      rows.at(-1)!.content!.push({
        type: token.type === 'th_open' ? 'tableHeader' : 'tableCell',
        content: [paragraph(readInline(tokens[at + 1]?.children ?? []))],
      });
  }
  return { type: 'table', content: rows };
}

function readBlocks(tokens: Token[], from: number, to: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = from; at < to; at++) {
    const token = tokens[at]!;
    const end = endOf(tokens, at);
    switch (token.type) {
      case 'paragraph_open':
        pieces.push(paragraph(readInline(tokens[at + 1]?.children ?? [])));
        break;
      case 'heading_open': {
        const content = readInline(tokens[at + 1]?.children ?? []);
        const level = Math.min(3, Number(token.tag.slice(1)));
        pieces.push({ type: 'heading', attrs: { level }, ...(content.length > 0 ? { content } : {}) });
        break;
      }
      case 'bullet_list_open':
      case 'ordered_list_open':
        pieces.push(...readList(tokens, at, end));
        break;
      case 'blockquote_open': {
        const content = readBlocks(tokens, at + 1, end);
        pieces.push({ type: 'blockquote', content: content.length > 0 ? content : [{ type: 'paragraph' }] });
        break;
      }
      case 'fence':
      case 'code_block': {
        const text = token.content.replace(/\n$/, '');
        const language = token.info.trim().split(/\s+/)[0] || null;
        pieces.push({
          type: 'codeBlock',
          attrs: { language },
          ...(text === '' ? {} : { content: [{ type: 'text', text }] }),
        });
        break;
      }
      case 'hr':
        pieces.push({ type: 'horizontalRule' });
        break;
      case 'table_open':
        pieces.push(readTable(tokens, at, end));
        break;
      default:
        break;
    }
    at = end;
  }
  return pieces;
}

/** The document that a Markdown says. HTML in it is text. */
export function readMarkdown(text: string): Piece {
  const tokens = markdown.parse(text.replaceAll('\u0000', ''), {});
  const content = readBlocks(tokens, 0, tokens.length);
  return { type: 'doc', content: content.length > 0 ? content : [{ type: 'paragraph' }] };
}

/** The pieces of one line. */
export const readLine = (text: string): Piece[] => readInline(markdown.parseInline(text, {})[0]?.children ?? []);
