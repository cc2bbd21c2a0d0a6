import { Body } from '@react-email/body';
import { Button } from '@react-email/button';
import { Container } from '@react-email/container';
import { Head } from '@react-email/head';
import { Html } from '@react-email/html';
import { Link } from '@react-email/link';
import { Preview } from '@react-email/preview';
import { Text } from '@react-email/text';
import { createElement as h, type ReactElement } from 'react';
import type { Say } from './say.ts';

/** What a mail says. How it looks is the same for all of them. */
export interface Letter {
  subject: string;
  heading: string;
  paragraphs: string[];
  /** Details worth a line each, such as the device of a sign-in. */
  facts?: [label: string, value: string][];
  /** Things that each stand for themselves, and where each is found. */
  items?: Item[];
  action?: { label: string; url: string };
  /** Why this came, and what to do about it if it should not have. */
  reason: string;
}

export interface Item {
  text: string;
  url: string | null;
  /** What somebody wrote. */
  quote: string | null;
}

const FONT = "-apple-system, 'Segoe UI', Inter, Roboto, Helvetica, Arial, sans-serif";

/**
 * Colours stand in the elements for the programs that drop style sheets. Those that know about the dark follow the sheet;
 * the button is readable on either ground, for those that turn colours over by themselves.
 */
const DARK = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page, .page > table > tbody > tr > td { background-color: #0e100f !important; }
  .card { background-color: #1c1f1e !important; border-color: #353837 !important; }
  .ink { color: #e4e5e3 !important; }
  .dim { color: #a0a3a0 !important; }
  .rule { border-color: #353837 !important; }
  .link { color: #72c3aa !important; }
  .button { background-color: #167d62 !important; color: #ffffff !important; }
}
@media (max-width: 540px) { .card { padding: 24px 20px !important; } }`;

const INK = '#232321';
const DIM = '#62625d';
const text = (className: string, color: string, fontSize: number, children: string) =>
  h(
    Text,
    { className, style: { margin: '0 0 14px', color, fontFamily: FONT, fontSize, lineHeight: '1.55' } },
    children,
  );

export function letterElement(letter: Letter, say: Say): ReactElement {
  const { heading, paragraphs, facts = [], items = [], action, reason } = letter;
  return h(
    Html,
    { lang: say.language },
    h(
      Head,
      null,
      h('meta', { name: 'color-scheme', content: 'light dark' }),
      h('meta', { name: 'supported-color-schemes', content: 'light dark' }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('style', { dangerouslySetInnerHTML: { __html: DARK } }),
    ),
    h(Preview, null, paragraphs[0] ?? heading),
    h(
      Body,
      { className: 'page', style: { margin: 0, padding: '32px 12px', backgroundColor: '#f7f7f5' } },
      h(
        Container,
        {
          className: 'card',
          style: {
            maxWidth: 520,
            padding: '32px 36px',
            border: '1px solid #e4e4e0',
            borderRadius: 12,
            backgroundColor: '#ffffff',
          },
        },
        h(
          Text,
          {
            className: 'link',
            style: { margin: '0 0 22px', color: '#0f6b57', fontFamily: FONT, fontSize: 15, fontWeight: 700 },
          },
          'Relvar',
        ),
        h(
          'h1',
          {
            className: 'ink',
            style: {
              margin: '0 0 14px',
              color: INK,
              fontFamily: FONT,
              fontSize: 21,
              lineHeight: '1.3',
              fontWeight: 600,
            },
          },
          heading,
        ),
        ...paragraphs.map((paragraph) => text('ink', INK, 15, paragraph)),
        facts.length > 0 ? factTable(facts) : null,
        items.length > 0 ? itemList(items) : null,
        action ? button(action, say) : null,
        h('hr', { className: 'rule', style: { margin: '22px 0 14px', border: 0, borderTop: '1px solid #e4e4e0' } }),
        text('dim', DIM, 13, reason),
      ),
    ),
  );
}

function factTable(facts: [label: string, value: string][]): ReactElement {
  const cell = { padding: '3px 18px 3px 0', fontFamily: FONT, fontSize: 14, lineHeight: '1.5', verticalAlign: 'top' };
  return h(
    'table',
    { className: 'facts', role: 'presentation', cellPadding: 0, cellSpacing: 0, style: { margin: '0 0 16px' } },
    h(
      'tbody',
      null,
      ...facts.map(([label, value]) =>
        h(
          'tr',
          null,
          h('td', { className: 'dim', style: { ...cell, color: DIM, whiteSpace: 'nowrap' } }, label),
          h('td', { className: 'ink', style: { ...cell, color: INK } }, value),
        ),
      ),
    ),
  );
}

function itemList(items: Item[]): ReactElement {
  const line = { fontFamily: FONT, fontSize: 15, lineHeight: '1.5' };
  return h(
    'div',
    { style: { margin: '0 0 16px' } },
    ...items.map(({ text: says, url, quote }, i) =>
      h(
        'div',
        { key: i, className: 'rule', style: { padding: '9px 0', borderTop: i > 0 ? '1px solid #e4e4e0' : 0 } },
        url === null
          ? h('div', { className: 'ink', style: { ...line, color: INK } }, says)
          : h(Link, { className: 'link', href: url, style: { ...line, color: '#0f6b57' } }, says),
        quote === null
          ? null
          : h('div', { className: 'dim', style: { ...line, margin: '2px 0 0', fontSize: 14, color: DIM } }, quote),
      ),
    ),
  );
}

function button({ label, url }: { label: string; url: string }, say: Say): ReactElement {
  return h(
    'div',
    null,
    h(
      Button,
      {
        className: 'button',
        href: url,
        style: {
          margin: '6px 0 18px',
          padding: '11px 20px',
          borderRadius: 8,
          backgroundColor: '#0f6b57',
          color: '#ffffff',
          fontFamily: FONT,
          fontSize: 15,
          fontWeight: 600,
        },
      },
      label,
    ),
    h(
      'div',
      { className: 'fallback' },
      text('dim', DIM, 13, say('If the button does nothing, open this address:')),
      h(
        Link,
        {
          className: 'link',
          href: url,
          style: { color: '#0f6b57', fontFamily: FONT, fontSize: 13, wordBreak: 'break-all' },
        },
        url,
      ),
    ),
  );
}
