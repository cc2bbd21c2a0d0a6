import { Node, type Extensions } from '@tiptap/core';
import { Image } from '@tiptap/extension-image';
import { TaskItem, TaskList } from '@tiptap/extension-list';
import { Table, TableCell, TableHeader, TableRow } from '@tiptap/extension-table';
import { StarterKit } from '@tiptap/starter-kit';
import { isSafeAddress } from './addresses.ts';

/** A member who is mentioned, by id: `<@id>` in Markdown. What they are called now is drawn by whoever shows it. */
export const Mention = Node.create({
  name: 'mention',
  group: 'inline',
  inline: true,
  atom: true,
  selectable: false,
  addAttributes: () => ({ id: { default: null } }),
  parseHTML: () => [
    {
      tag: 'span[data-member]',
      getAttrs: (element) => {
        const id = element.getAttribute('data-member') ?? '';
        return /^[0-9a-f-]{36}$/.test(id) ? { id } : false;
      },
    },
  ],
  renderHTML: ({ node }) => ['span', { 'data-member': String(node.attrs['id']) }, '@…'],
});

/** Cells hold a line, as those of Markdown do, and none spans others. */
const plainCell = { content: 'paragraph' } as const;
const spanless = {
  addAttributes: () => ({
    colspan: { default: 1, parseHTML: () => 1, rendered: false },
    rowspan: { default: 1, parseHTML: () => 1, rendered: false },
    colwidth: { default: null, parseHTML: () => null, rendered: false },
  }),
};

/** What a text may hold: what Markdown can say, and nothing else, so that nothing is lost on the way there and back. */
export const textExtensions = (): Extensions => [
  StarterKit.configure({
    heading: { levels: [1, 2, 3] },
    underline: false,
    link: {
      openOnClick: false,
      autolink: true,
      linkOnPaste: true,
      defaultProtocol: 'https',
      isAllowedUri: isSafeAddress,
      HTMLAttributes: { rel: 'noopener noreferrer nofollow', target: '_blank', class: null },
    },
  }),
  TaskList,
  TaskItem.configure({ nested: true }),
  Image.extend({
    addAttributes: () => ({
      src: {
        default: null,
        parseHTML: (element: HTMLElement) => {
          const source = element.getAttribute('src') ?? '';
          return isSafeAddress(source) ? source : null;
        },
      },
      alt: { default: null },
    }),
    parseHTML: () => [{ tag: 'img[src]:not([src^="data:"]):not([src^="blob:"])' }],
  }).configure({ inline: true }),
  Table.configure({ resizable: false }),
  TableRow,
  TableHeader.extend({ ...plainCell, ...spanless }),
  TableCell.extend({ ...plainCell, ...spanless }),
  Mention,
];
