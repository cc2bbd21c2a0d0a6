import {
  IconCode,
  IconH1,
  IconH2,
  IconH3,
  IconLetterT,
  IconLine,
  IconList,
  IconListCheck,
  IconListNumbers,
  IconPhoto,
  IconQuote,
  IconTable,
} from '@tabler/icons-react';
import type { ChainedCommands, Editor } from '@tiptap/core';
import { gql } from 'urql';
import { request } from '../api/client.ts';
import { findMentionable } from '../comments/comments.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { objectNamed } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { learnName } from './names.ts';
import type { Choice } from './suggestions.ts';
import { t } from '../language/t.ts';

interface Block {
  label: string;
  words: string;
  icon: typeof IconCode;
  note?: string;
  make: (chain: ChainedCommands) => ChainedCommands;
}

const BLOCKS: Block[] = [
  { label: t('Text'), words: t('paragraph plain'), icon: IconLetterT, make: (chain) => chain.setParagraph() },
  {
    label: t('Heading 1'),
    words: t('title h1'),
    icon: IconH1,
    note: '#',
    make: (chain) => chain.setHeading({ level: 1 }),
  },
  { label: t('Heading 2'), words: 'h2', icon: IconH2, note: '##', make: (chain) => chain.setHeading({ level: 2 }) },
  { label: t('Heading 3'), words: 'h3', icon: IconH3, note: '###', make: (chain) => chain.setHeading({ level: 3 }) },
  {
    label: t('Bulleted list'),
    words: 'unordered',
    icon: IconList,
    note: '-',
    make: (chain) => chain.toggleBulletList(),
  },
  {
    label: t('Numbered list'),
    words: 'ordered',
    icon: IconListNumbers,
    note: '1.',
    make: (chain) => chain.toggleOrderedList(),
  },
  {
    label: t('Checklist'),
    words: t('to-do todo task box'),
    icon: IconListCheck,
    note: '[ ]',
    make: (chain) => chain.toggleTaskList(),
  },
  { label: t('Quote'), words: t('blockquote'), icon: IconQuote, note: '>', make: (chain) => chain.setBlockquote() },
  { label: t('Code'), words: t('program pre'), icon: IconCode, note: '```', make: (chain) => chain.setCodeBlock() },
  {
    label: t('Table'),
    words: t('grid rows columns'),
    icon: IconTable,
    make: (chain) => chain.insertTable({ rows: 3, cols: 3, withHeaderRow: true }),
  },
  {
    label: t('Divider'),
    words: t('rule line separator'),
    icon: IconLine,
    note: '---',
    make: (chain) => chain.setHorizontalRule(),
  },
];

/** What `/` offers. */
export function blockChoices(query: string, choosePicture: (() => void) | undefined): Choice[] {
  const wanted = query.toLowerCase();
  const blocks: Choice[] = BLOCKS.map(({ label, note, icon: Icon, make, words }) => ({
    key: `${label} ${words}`,
    label,
    icon: <Icon size={16} stroke={1.75} aria-hidden />,
    ...(note ? { note } : {}),
    run: (editor, range) => void make(editor.chain().focus().deleteRange(range)).run(),
  }));
  if (choosePicture)
    blocks.push({
      key: `${t('Picture')} ${t('image photo upload')}`,
      label: t('Picture'),
      icon: <IconPhoto size={16} stroke={1.75} aria-hidden />,
      run: (editor, range) => {
        editor.chain().focus().deleteRange(range).run();
        choosePicture();
      },
    });
  return blocks.filter(
    ({ key }) =>
      key
        .toLowerCase()
        .split(' ')
        .some((word) => word.startsWith(wanted)) || key.toLowerCase().includes(wanted),
  );
}

const SEARCH = gql<
  { searchRecords: { nodes: { objectName: string; recordId: string; label: string | null }[] } },
  { query: string }
>(
  'query FindRecords($query: String!) { searchRecords(query: $query, maxResults: 12) { nodes { objectName recordId label } } }',
);

async function recordChoices(model: Model, query: string): Promise<Choice[]> {
  if (query.trim() === '') return [];
  const { searchRecords } = await request(SEARCH, { query });
  return searchRecords.nodes.flatMap(({ objectName, recordId, label }) => {
    const object = objectNamed(model, objectName);
    if (!object || !label) return [];
    return {
      key: recordId,
      label,
      group: object.labelPlural,
      icon: <ObjectIcon name={object.icon} color={object.color} size={16} />,
      run: (editor: Editor, range: { from: number; to: number }) =>
        void editor
          .chain()
          .focus()
          .insertContentAt(range, [
            {
              type: 'text',
              text: label,
              marks: [
                { type: 'link', attrs: { href: `/objects/${encodeURIComponent(object.namePlural)}/${recordId}` } },
              ],
            },
            { type: 'text', text: ' ' },
          ])
          .unsetMark('link')
          .run(),
    };
  });
}

/** What `@` and `#` offer: members, and records by object. */
export async function mentionChoices(
  model: Model,
  object: ModelObject,
  recordId: string,
  query: string,
  withMembers: boolean,
): Promise<Choice[]> {
  const [members, records] = await Promise.all([
    withMembers ? findMentionable(object, recordId, query).catch(() => []) : [],
    recordChoices(model, query).catch(() => []),
  ]);
  const seen = new Set(members.map(({ memberId }) => memberId));
  return [
    ...members.slice(0, 8).map(({ memberId, name, canRead }): Choice => ({
      key: memberId,
      label: name,
      group: t('Members'),
      icon: <Avatar label={name} seed={memberId} size={18} round />,
      ...(canRead ? {} : { note: t('may not read this') }),
      run: (editor, range) => {
        learnName(memberId, name);
        editor
          .chain()
          .focus()
          .insertContentAt(range, [
            { type: 'mention', attrs: { id: memberId } },
            { type: 'text', text: ' ' },
          ])
          .run();
      },
    })),
    ...records.filter(({ key }) => !seen.has(key)).sort((a, b) => (a.group ?? '').localeCompare(b.group ?? '')),
  ];
}
