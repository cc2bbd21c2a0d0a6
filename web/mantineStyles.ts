import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Plugin } from 'vite';

const SHEET = '@mantine/core/styles.css';
const BASE = ['default-css-variables', 'baseline', 'global'];

interface Import {
  names: string[];
  from: string;
}

function importsOf(code: string): Import[] {
  return [...code.matchAll(/import\s+(?!type\s)([\w*\s{},$]*?)\s*from\s*["']([^"']+)["']/g)].map(
    ([, what = '', from = '']) => ({
      from,
      names: what
        .replace(/[{}]/g, '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type '))
        .map((name) => name.split(/\s+as\s+/)[0] ?? name),
    }),
  );
}

/**
 * Mantine's style sheet holds every component that it has. This gives, in its place and order, the parts of those that the
 * screen uses and of those that they use themselves: found from the imports, so that nobody keeps a list.
 */
export function mantineStyles(): Plugin {
  const modules = resolve(import.meta.dirname, '..', 'node_modules');
  const core = join(modules, '@mantine', 'core');

  const indexes = new Map<string, Map<string, string>>();
  /** Where each name that a package of Mantine's exports is written. */
  const indexOf = (name: string): Map<string, string> => {
    let found = indexes.get(name);
    if (!found) {
      const file = join(modules, name, 'esm', 'index.mjs');
      const pairs = existsSync(file)
        ? importsOf(readFileSync(file, 'utf8')).flatMap(({ names, from }) =>
            names.map((each) => [each, join(dirname(file), from)] as const),
          )
        : [];
      indexes.set(name, (found = new Map(pairs)));
    }
    return found;
  };

  const usedParts = (): Set<string> => {
    const parts = new Set<string>();
    const seen = new Set<string>();
    const follow = ({ names, from }: Import, file: string): void => {
      if (from.startsWith('@mantine/')) {
        for (const name of names) {
          const target = indexOf(from).get(name);
          if (target) walk(target);
        }
      } else if (from.startsWith('.') && !from.endsWith('.css')) walk(join(dirname(file), from));
    };
    const walk = (file: string): void => {
      if (seen.has(file) || !existsSync(file)) return;
      seen.add(file);
      if (file.endsWith('.module.mjs')) parts.add(basename(file, '.module.mjs'));
      else for (const each of importsOf(readFileSync(file, 'utf8'))) follow(each, file);
    };
    for (const file of globSync('src/**/*.{ts,tsx}', { cwd: import.meta.dirname })) {
      const path = join(import.meta.dirname, file);
      for (const each of importsOf(readFileSync(path, 'utf8')))
        if (each.from.startsWith('@mantine/')) follow(each, path);
    }
    return parts;
  };

  return {
    name: 'mantine-styles',
    enforce: 'pre',
    load(id) {
      if (!id.split('?')[0]?.endsWith(SHEET)) return null;
      const whole = readFileSync(join(core, 'styles.css'), 'utf8');
      const place = (sheet: string): number => whole.indexOf(/\.m_[\w-]+/.exec(sheet)?.[0] ?? sheet);
      const read = (part: string): string[] => {
        const file = join(core, 'styles', `${part}.css`);
        return existsSync(file) ? [readFileSync(file, 'utf8')] : [];
      };
      const sheets = [...usedParts()].flatMap(read).sort((a, b) => place(a) - place(b));
      return [...BASE.flatMap(read), ...sheets].join('\n');
    },
  };
}
