import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { loadConfig, VARIABLES } from './config.ts';

test('docs/running.md names every setting, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'running.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `[A-Z]/.test(line));
  const named = rows.flatMap((line) => line.split('|')[1]!.match(/[A-Z][A-Z_]+/g) ?? []);
  expect(named.toSorted()).toEqual(Object.keys(VARIABLES).toSorted());
});

test('pictures of the ground have an address with their place in it, and an owner', () => {
  const tiles = (value: string) => loadConfig({ RELVAR_MAP_TILES: value }).mapTiles;
  expect(loadConfig({}).mapTiles).toBeNull();
  expect(tiles('https://tiles.example/{z}/{x}/{y}{r}.png?key=a © Example and others')).toEqual({
    url: 'https://tiles.example/{z}/{x}/{y}{r}.png?key=a',
    attribution: '© Example and others',
  });
  for (const wrong of [
    'https://tiles.example/{z}/{x}.png',
    'tiles.example/{z}/{x}/{y}.png',
    'javascript:{z}{x}{y}',
    "https://tiles.example/{z}/{x}/{y};script-src'*'",
  ])
    expect(() => tiles(wrong)).toThrow('RELVAR_MAP_TILES');
});

test('origins of framed pages are origins, and nothing that could become more of a header', () => {
  const framing = (origins: string) => loadConfig({ RELVAR_FRAME_ORIGINS: origins }).frameOrigins;
  expect(loadConfig({}).frameOrigins).toEqual([]);
  expect(framing('https://maps.example  https://*.example.org:8443')).toEqual([
    'https://maps.example',
    'https://*.example.org:8443',
  ]);
  for (const origins of [
    '*',
    'https:',
    'https://a.example/path',
    "https://a.example; script-src 'self'",
    'javascript:x',
  ])
    expect(() => framing(origins)).toThrow('RELVAR_FRAME_ORIGINS');
});
