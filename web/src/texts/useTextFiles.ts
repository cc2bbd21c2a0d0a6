import { isFilesList } from '../files/filesList.ts';
import type { StoredFile } from '../files/files.ts';
import { useUploads } from '../files/uploads.ts';
import { labelField, relatedLists } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay } from '../model/store.ts';
import type { ColumnValue, Model, ModelObject } from '../model/types.ts';
import { createRecord } from '../records/changes.ts';

/** Pictures of a text are files of its record: who may read the record sees them. Null where the record keeps none. */
export function useTextFiles(model: Model, object: ModelObject, id: string, onKept: (file: StoredFile) => void) {
  const list = relatedLists(model, object).find(isFilesList);
  const file = list?.holder.fields.find((field) => field.type === 'FILES' && field.isActive && !field.isSystem);
  const mayUpload = useMay('UPLOAD_FILE') && list !== undefined && rightsOf(list.holder).canCreate;
  const { uploads, add, again, drop } = useUploads(async (stored) => {
    if (!list || !file) return;
    const name = labelField(list.holder);
    const values: { [column: string]: ColumnValue } = {
      [list.relation.columnName]: id,
      [file.columns[0]!.name]: [{ id: stored.id }],
      ...(name?.type === 'TEXT' && { [name.columns[0]!.name]: stored.name }),
    };
    await createRecord(model, list.holder, [], values);
    onKept(stored);
  });
  return { uploads, again, drop, add: mayUpload && file ? add : null };
}
