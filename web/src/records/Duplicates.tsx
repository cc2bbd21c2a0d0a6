import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { gql } from 'urql';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import type { ModelObject } from '../model/types.ts';
import { ReadFailure } from './ReadFailure.tsx';
import classes from './RecordView.module.css';
import { useLiveObjects } from './useLiveObject.ts';

interface Duplicate {
  recordId: string;
  label: string | null;
  criteria: string[][];
}

const FIND = gql<{ findDuplicates: { nodes: Duplicate[] } }, { object: string; id: string }>(
  'query Duplicates($object: String!, $id: UUID!) { findDuplicates(objectName: $object, recordId: $id, maxResults: 10) { nodes { recordId label criteria } } }',
);

/** "the same e-mail", "the same name and city" */
function shared(object: ModelObject, criteria: string[][]): string {
  const label = (name: string) => object.fields.find((field) => field.name === name)?.label.toLowerCase() ?? name;
  const lists = criteria.map((names) =>
    names.map(label).reduce((text, each, i) => text + (i === names.length - 1 ? ' and ' : ', ') + each),
  );
  return `the same ${lists.join('; the same ')}`;
}

/** On a record's page: the records that the criteria of its object take for the same. None, nothing. */
export function Duplicates({ object, id }: { object: ModelObject; id: string }) {
  const [found, setFound] = useState<Duplicate[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const asks = object.duplicateCriteria.length > 0;
  const read = useCallback(async () => {
    if (!asks) return;
    try {
      const { findDuplicates } = await request(FIND, { object: object.nameSingular, id });
      setFound(findDuplicates.nodes);
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
  }, [asks, object.nameSingular, id]);
  useEffect(() => void read(), [read]);
  useLiveObjects([object.id], () => void read());
  if (failure)
    return (
      <section className={classes.block} aria-label="Possible duplicates">
        <ReadFailure what="Possible duplicates" failure={failure} onRetry={() => void read()} />
      </section>
    );
  if (!asks || found.length === 0) return null;
  return (
    <section className={classes.block} aria-label="Possible duplicates">
      <div className={classes.blockHead}>
        <h2 className={classes.blockTitle}>Possible duplicates</h2>
        <span className={classes.count}>{found.length}</span>
      </div>
      <ul className={classes.rows}>
        {found.map((each) => (
          <li key={each.recordId} className={classes.relatedRow}>
            <Link
              to="/objects/$namePlural/$id"
              params={{ namePlural: object.namePlural, id: each.recordId }}
              className={classes.relatedLink}
            >
              <Avatar
                label={each.label ?? ''}
                seed={each.recordId}
                size={20}
                round={object.nameSingular === 'person'}
              />
              <span className={classes.relatedLabel}>{each.label || 'Untitled'}</span>
            </Link>
            <span className={classes.relatedDetail}>{shared(object, each.criteria)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
