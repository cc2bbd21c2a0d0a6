import { gql } from 'urql';
import { useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { listDocument } from '../model/documents.ts';
import { visibleFields } from '../model/lookup.ts';
import { formatValue } from '../model/text.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isEmpty, readValue, recordLabel } from '../model/values.ts';

export interface Hit {
  objectName: string;
  recordId: string;
  label: string | null;
}

const SEARCH = gql<{ searchRecords: { nodes: Hit[] } }, { query: string }>(
  'query Search($query: String!) { searchRecords(query: $query, maxResults: 15) { nodes { objectName recordId label } } }',
);

/** Of who types fast not each letter is asked for, and none waits: so many are on their way at most, and then the last one goes. */
const AT_ONCE = 2;

interface Found {
  query: string;
  hits: Hit[];
  failed: boolean;
}

/** The records that a query finds, those of the query before until they are there. */
export function useRecordSearch(query: string): { hits: Hit[]; busy: boolean; failed: boolean } {
  const asked = query.trim();
  const [found, setFound] = useState<Found>({ query: '', hits: [], failed: false });
  const [onTheWay, setOnTheWay] = useState<string[]>([]);
  const turns = useRef({ asked: 0, shown: 0 });
  const isToAsk = asked !== '' && found.query !== asked && !onTheWay.includes(asked) && onTheWay.length < AT_ONCE;
  useEffect(() => {
    if (!isToAsk) return;
    const turn = (turns.current.asked += 1);
    setOnTheWay((before) => [...before, asked]);
    const show = (next: Found) => {
      // Else what was asked later is there already.
      if (turn < turns.current.shown) return;
      turns.current.shown = turn;
      setFound(next);
    };
    request(SEARCH, { query: asked })
      .then(
        ({ searchRecords }) => show({ query: asked, hits: searchRecords.nodes, failed: false }),
        () => show({ query: asked, hits: [], failed: true }),
      )
      .finally(() => setOnTheWay((before) => before.filter((each) => each !== asked)));
  }, [isToAsk, asked]);
  return {
    hits: asked === '' ? [] : found.hits,
    busy: asked !== '' && found.query !== asked,
    failed: asked !== '' && found.query === asked && found.failed,
  };
}

const SAID_IN_A_LINE = [
  'TEXT',
  'SELECT',
  'RELATION',
  'MEMBER',
  'EMAILS',
  'PHONES',
  'LINKS',
  'CURRENCY',
  'DATE',
  'NUMBER',
  'ADDRESS',
];
const PARTS = 2;

/** The fields that tell a record from others of its name: the first few that say something short. */
const tellingFields = (object: ModelObject): ModelField[] =>
  visibleFields(object)
    .filter((field) => !field.isSystem && field.id !== object.labelFieldId && SAID_IN_A_LINE.includes(field.type))
    .slice(0, 6);

function tell(model: Model, fields: ModelField[], row: RecordRow): string {
  const said = fields.flatMap((field) => {
    const value = readValue(model, field, row);
    const text = isEmpty(field, value) ? '' : formatValue(field, value);
    return text === '' ? [] : [text];
  });
  return said.slice(0, PARTS).join(' · ');
}

export interface Told {
  label: string;
  context: string;
}

/** What each record is called now, and a line about it; absent until it is read, and for what is not there. */
export function useTold(
  model: Model,
  records: { object: ModelObject; id: string }[],
  onRead: (labels: Map<string, string>, asked: string[]) => void,
): Map<string, Told> {
  const [told, setTold] = useState<Map<string, Told>>(() => new Map());
  const key = records.map(({ object, id }) => `${object.id} ${id}`).join();
  useEffect(() => {
    let current = true;
    for (const [object, ids] of Map.groupBy(records, (record) => record.object)) {
      const asked = ids.map(({ id }) => id);
      const fields = tellingFields(object);
      request(listDocument(model, object, fields), { first: asked.length, filter: { id: { in: asked } } })
        .then(({ list }) => {
          if (!current) return;
          const read = list.nodes.map((row): [string, Told] => [
            row.id,
            { label: recordLabel(model, object, row), context: tell(model, fields, row) },
          ]);
          setTold((known) => new Map([...known, ...read]));
          onRead(new Map(read.map(([id, { label }]) => [id, label])), asked);
        })
        // Without it the names alone are shown.
        .catch(() => undefined);
    }
    return () => {
      current = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the records are known by their ids
  }, [key]);
  return told;
}
