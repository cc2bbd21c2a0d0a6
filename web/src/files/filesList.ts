import type { RelatedList } from '../model/lookup.ts';
import type { ModelField, ModelObject } from '../model/types.ts';

export const fileField = (holder: ModelObject): ModelField | undefined =>
  holder.fields.find((field) => field.type === 'FILES' && field.isActive && !field.isSystem);

/** Whether a list of related records is that of its files: each is a record that holds one. */
export const isFilesList = ({ holder, through }: RelatedList): boolean =>
  !through && !holder.isCustom && holder.nameSingular === 'attachment' && fileField(holder) !== undefined;
