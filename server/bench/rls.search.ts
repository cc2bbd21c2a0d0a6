import type { Bench } from './bench.ts';
import { dropGuarded, guardRecords, RECORDS } from './guardedRecords.ts';
import { alternate, time } from './rounds.ts';

const ROUNDS = 15;

const list = (filter: string) =>
  `{ guardedThings(first: 50, orderBy: [CREATED_AT_DESC], filter: ${filter}) { nodes { id name } } }`;
const search = (words: string) => `{ searchRecords(query: "${words}", maxResults: 20) { nodes { recordId label } } }`;

/** What people look for, found in few of all records, in one of 200, in one of 100, or in all. */
const QUESTIONS: Readonly<Record<string, string>> = {
  'a word of some': search('seldom'),
  'the beginning of a word of some': search('seld'),
  'a word of all': search('thing'),
  'contains, of few': list('{ name: { includesInsensitive: "ABCDE" } }'),
  'contains, of some': list('{ name: { includesInsensitive: "eldo" } }'),
  'starts with, of few': list('{ name: { startsWithInsensitive: "thing ABC" } }'),
  'a tag of few': list('{ tags: { overlaps: ["RARE"] } }'),
  'a tag of some': list('{ tags: { overlaps: ["A"] } }'),
  'both tags': list('{ tags: { contains: ["A", "RARE"] } }'),
};

export const rlsSearch: Bench = {
  name: 'rls.search',
  compares: `full-text search, "contains" and tags over GraphQL among ${RECORDS / 1e6} M records, asked by who sees about 1,000 of them, against by who sees all`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const { limited, wide } = await guardRecords(database, workspace, { isSearched: true });
    const keys = {
      limited: await database.personalToken(limited),
      wide: await database.personalToken(wide),
      free: await database.apiKey(workspace.slug),
    };
    const server = await database.startServer();
    try {
      const ask = (key: string, query: string) => () => time(() => server.graphql('/graphql', key, query));
      const ratios: number[] = [];
      const times: number[] = [];
      const detail: Record<string, string> = {};
      for (const [question, query] of Object.entries(QUESTIONS)) {
        const { ratio, subject, reference } = await alternate(ROUNDS, ask(keys.limited, query), ask(keys.free, query));
        const most = await alternate(ROUNDS, ask(keys.wide, query), ask(keys.free, query));
        ratios.push(ratio);
        times.push(subject);
        const [own, all, allBut] = [subject, reference, most.subject].map((ms) => ms.toFixed(1));
        detail[question] = `${ratio.toFixed(2)} × (${own} ms; who sees all ${all}, all but some ${allBut})`;
      }
      return {
        ratio: Math.max(...ratios),
        bound: 3,
        checks: { 'each takes less than 30 ms': Math.max(...times) < 30 },
        detail: { slowestMs: Math.max(...times), ...detail },
      };
    } finally {
      await server.stop();
      await dropGuarded(database, workspace);
    }
  },
};
