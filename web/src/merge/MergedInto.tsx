import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { gql } from 'urql';
import { request } from '../api/client.ts';
import { parsed } from '../model/calls.ts';
import type { ModelObject } from '../model/types.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface LastEvent {
  action: string;
  after: { survivorId?: string } | string | null;
}

const LAST = gql<{ recordHistory: { nodes: LastEvent[] } }, { object: string; id: string }>(
  'query LastEvent($object: String!, $id: UUID!) { recordHistory(objectName: $object, recordId: $id, maxResults: 1) { nodes { action after } } }',
);

/** The record that another went into, where the caller may know. */
async function survivorOf(object: ModelObject, id: string): Promise<string | null> {
  const [last] = (await request(LAST, { object: object.nameSingular, id })).recordHistory.nodes;
  return last?.action === 'merged' && last.after ? (parsed(last.after).survivorId ?? null) : null;
}

/** In the place of a record that is not there: the way to the one that it was merged into, if it was. */
export function MergedInto({ object, id }: { object: ModelObject; id: string }) {
  const { answer } = useInquiry(`${object.id} ${id}`, () => survivorOf(object, id));
  if (!answer) return null;
  return (
    <Button
      renderRoot={(props) => (
        <Link to="/objects/$namePlural/$id" params={{ namePlural: object.namePlural, id: answer }} {...props} />
      )}
    >
      {t('Open the {labelSingular} that it was merged into', { labelSingular: inSentence(object.labelSingular) })}
    </Button>
  );
}
