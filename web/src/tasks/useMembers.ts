import { useEffect, useState } from 'react';
import { everyRow } from '../api/everyRow.ts';
import { listDocument } from '../model/documents.ts';
import { objectNamed } from '../model/lookup.ts';
import type { Model } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { announceFailure } from '../records/announce.tsx';
import { t } from '../language/t.ts';

/** Who may have tasks, by name. */
export function useMembers(model: Model): { value: string; label: string }[] {
  const [members, setMembers] = useState<{ value: string; label: string }[]>([]);
  useEffect(() => {
    const object = objectNamed(model, 'workspaceMember');
    if (!object) return;
    everyRow(listDocument(model, object, []), {}).then(
      (rows) =>
        setMembers(
          rows
            .map((row) => ({ value: row.id, label: recordLabel(model, object, row) || t('Untitled') }))
            .sort((a, b) => a.label.localeCompare(b.label)),
        ),
      (cause: unknown) => announceFailure(t('The members could not be read'), cause),
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps -- members do not follow the version of the model.
  }, []);
  return members;
}
