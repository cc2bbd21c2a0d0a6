import { useParams, useSearch } from '@tanstack/react-router';
import { NoObject } from './NoObject.tsx';
import { objectByPlural } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { lazy, Suspense } from 'react';
import { RecordView } from './RecordView.tsx';

const PastRecord = lazy(async () => ({ default: (await import('../history/PastRecord.tsx')).PastRecord }));

export function RecordPage() {
  const model = useModel();
  const { namePlural = '', id = '' } = useParams({ strict: false });
  const object = objectByPlural(model, namePlural);
  const { asOf }: { asOf?: string } = useSearch({ strict: false });
  if (!object?.isActive) return <NoObject name={namePlural} />;
  if (asOf)
    return (
      <Suspense fallback={null}>
        <PastRecord key={`${object.id} ${id}`} model={model} object={object} id={id} asOf={asOf} />
      </Suspense>
    );
  return <RecordView key={`${object.id} ${id}`} model={model} object={object} id={id} />;
}
