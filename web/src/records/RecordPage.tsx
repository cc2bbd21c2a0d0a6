import { useParams } from '@tanstack/react-router';
import { NoObject } from './NoObject.tsx';
import { objectByPlural } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { RecordView } from './RecordView.tsx';

export function RecordPage() {
  const model = useModel();
  const { namePlural = '', id = '' } = useParams({ strict: false });
  const object = objectByPlural(model, namePlural);
  if (!object?.isActive) return <NoObject name={namePlural} />;
  return <RecordView key={`${object.id} ${id}`} model={model} object={object} id={id} />;
}
