import { expect, test } from '@jest/globals';
import { fit } from './matching.ts';

test.each([
  ['opportun', 'Opportunities', 4],
  ['uber', 'Übersicht', 4],
  ['role', 'Settings: roles', 3],
  ['set mod', 'Settings: data model', 3],
  ['port', 'Opportunities', 2],
  ['oportunities', 'Opportunities', 1],
  ['oppotr', 'Opportunities', 1],
  ['webhokos', 'Settings: webhooks', 1],
  ['rol', 'Import people', 0],
  ['zzz', 'Opportunities', 0],
  ['', 'Opportunities', 0],
  ['сдел', 'Сделки', 4],
])('"%s" fits "%s" by %i', (query, label, by) => expect(fit(query, label)).toBe(by));
