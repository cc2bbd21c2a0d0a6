import { createContext, useContext } from 'react';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import type { SaveState } from '../records/useRecord.ts';
import { t } from '../language/t.ts';

/** The record whose page, or peek, is open: what its cards show and do. */
export interface OpenRecord {
  model: Model;
  object: ModelObject;
  id: string;
  row: RecordRow;
  /** In the peek and on a phone there is one column. */
  isNarrow: boolean;
  saves: { [fieldId: string]: SaveState };
  flashing: string[];
  /** Why a field must have a value now, by its id: another one's edit waits for it. */
  demands: Map<string, string>;
  save: (field: ModelField, value: FieldValue) => void;
  again: (field: ModelField) => void;
  refuse: (field: ModelField, text: string, reason: string) => void;
  drop: (field: ModelField) => void;
  /** Who edits a field elsewhere at this moment, by its name. */
  editedBy: (field: ModelField) => string | undefined;
  onEditing: (field: ModelField, isEditing: boolean) => void;
  /** Shows what a field was before; null where that is not offered. */
  onPast: ((field: ModelField) => void) | null;
}

const Context = createContext<OpenRecord | null>(null);

export const OpenRecordProvider = Context.Provider;

export function useOpenRecord(): OpenRecord {
  const record = useContext(Context);
  if (!record) throw new Error(t('No record is open here.'));
  return record;
}
