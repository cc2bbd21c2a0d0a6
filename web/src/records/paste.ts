import { searchLabels, targetsOf } from '../fields/useRelated.ts';
import { parseValue, type Parsed } from '../model/parse.ts';
import { isEditable } from '../model/text.ts';
import type { FieldType, Model, ModelField, RecordRow } from '../model/types.ts';
import { readValue, type FieldValue, type Link } from '../model/values.ts';
import { personName, useSession } from '../session/session.ts';
import type { Edit, Refusal } from './refusals.ts';
import type { RecordEdits } from './tableStore.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { orList } from '../language/lists.ts';
import { ME } from '../model/filters.ts';

/** A cell as this program copies it: exact, and meant for a field of the same type. */
interface CopiedCell {
  type: FieldType;
  value: FieldValue;
}

export type Copied = (CopiedCell | null)[][];

function readData(data: string): Copied {
  try {
    return data === '' ? [] : (JSON.parse(data) as Copied);
  } catch {
    return [];
  }
}

/** Links lead to objects: a copied one fits a field that may point at the same. */
const fits = (field: ModelField, { type, value }: CopiedCell): boolean =>
  type === field.type &&
  (value === null ||
    (field.relations.length === 0 && !field.junction && !field.options?.length) ||
    (field.relations.length > 0 && field.relations.some(({ id }) => id === (value as Partial<Link>).relationId)));

/** The record that a text names by its label; "me" is who pastes. */
async function linkNamed(model: Model, field: ModelField, text: string): Promise<Parsed> {
  const targets = targetsOf(model, field);
  const identity = useSession.getState().identity;
  const members = targets.find(({ object }) => object.nameSingular === 'workspaceMember');
  if (members && identity?.member && [ME, t('me')].includes(text.toLowerCase()))
    return { value: { relationId: members.relationId, id: identity.member.id, label: personName(identity) } };
  const found = await Promise.all(
    targets.map(async ({ relationId, object }) =>
      (await searchLabels(model, object, text)).map(({ id, label }) => ({ relationId, id, label })),
    ),
  );
  const exact = found.flat().filter(({ label }) => label.toLowerCase() === text.toLowerCase());
  const [first] = exact;
  const what = orList(targets.map(({ object }) => inSentence(object.labelSingular)));
  if (!first) return { reason: t('No {what} is called “{text}”.', { what, text }) };
  return exact.length > 1
    ? { reason: t('Several are called “{text}”: choose one from the list.', { text }) }
    : { value: first };
}

type Named = (field: ModelField, text: string) => Promise<Parsed>;

/** Of the same name in many cells is asked once. */
function remembered(model: Model): Named {
  const known = new Map<string, Promise<Parsed>>();
  return (field, text) => {
    const key = `${field.id} ${text.toLowerCase()}`;
    const found = known.get(key) ?? linkNamed(model, field, text);
    known.set(key, found);
    return found;
  };
}

async function read(named: Named, field: ModelField, text: string, current: FieldValue): Promise<Parsed> {
  const trimmed = text.trim();
  if (trimmed === '' || (field.relations.length === 0 && !field.junction)) return parseValue(field, text, current);
  if (!field.junction) return named(field, trimmed);
  const all = await Promise.all(trimmed.split(/\s*,\s*/).map((each) => named(field, each)));
  const wrong = all.find((each) => 'reason' in each);
  return wrong ?? { value: all.map((each) => ('value' in each ? each.value : null)) };
}

interface Pasted {
  edits: RecordEdits[];
  /** What could not be read, to be shown in its cell. */
  refusals: { id: string; refusal: Refusal }[];
  /** Cells that have nowhere to go. */
  skipped: number;
}

/** What pasting lines of cells changes: rows and fields are those from the active cell on. */
export async function pastedEdits(
  model: Model,
  rows: RecordRow[],
  fields: ModelField[],
  lines: string[][],
  data: string,
): Promise<Pasted> {
  const copied = readData(data);
  const named = remembered(model);
  const pasted: Pasted = { edits: [], refusals: [], skipped: 0 };
  for (const [lineIndex, cells] of lines.entries()) {
    const row = rows[lineIndex];
    const edits: Edit[] = [];
    for (const [index, text] of cells.entries()) {
      const field = fields[index];
      if (!row || !field || !isEditable(field)) {
        pasted.skipped += 1;
        continue;
      }
      const current = readValue(model, field, row);
      const exact = copied[lineIndex]?.[index];
      const parsed = exact && fits(field, exact) ? { value: exact.value } : await read(named, field, text, current);
      if ('value' in parsed) edits.push({ field, value: parsed.value });
      else pasted.refusals.push({ id: row.id, refusal: { field, value: current, text, ...parsed, needs: null } });
    }
    if (row && edits.length > 0) pasted.edits.push({ id: row.id, edits });
  }
  return pasted;
}
