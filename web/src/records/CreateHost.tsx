import { useCreateRequest } from '../fields/createRequest.ts';
import { labelField } from '../model/lookup.ts';
import { parseValue } from '../model/parse.ts';
import type { Model } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { CreateModal } from './CreateModal.tsx';

/** Shows the form for a record that a picker wants made and that needs more than a label. */
export function CreateHost({ model }: { model: Model }) {
  const request = useCreateRequest((state) => state.request);
  if (!request) return null;
  const { object, text, onCreated } = request;
  const label = labelField(object);
  const parsed = label ? parseValue(label, text, null) : null;
  return (
    <CreateModal
      model={model}
      object={object}
      fields={[]}
      values={{}}
      start={label && parsed && 'value' in parsed ? { field: label, value: parsed.value, failure: null } : undefined}
      onClose={() => useCreateRequest.setState({ request: null })}
      onCreated={(row) => onCreated({ id: row.id, label: recordLabel(model, object, row) })}
    />
  );
}
