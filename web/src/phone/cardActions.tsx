import { IconCheck, IconMail, IconPhone, IconStar, IconStarOff, type Icon } from '@tabler/icons-react';
import { allEmails, allPhones, isEditable } from '../model/text.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue, type FieldValue } from '../model/values.ts';
import { t } from '../language/t.ts';

export interface CardAction {
  key: string;
  label: string;
  icon: Icon;
  run: () => void;
}

interface Doing {
  model: Model;
  object: ModelObject;
  /** The fields that are read with the records. */
  fields: ModelField[];
  mayUpdate: boolean;
  isFavourite: (id: string) => boolean;
  onFavourite: ((id: string) => void) | null;
  onSave: (row: RecordRow, field: ModelField, value: FieldValue) => void;
}

const go = (href: string): void => {
  window.location.href = href;
};

/** What one does at once with a record in the hand: the first of these is also done by drawing its card to the right. */
export function cardActions(row: RecordRow, doing: Doing): CardAction[] {
  const { model, object, fields, mayUpdate, isFavourite, onFavourite, onSave } = doing;
  const actions: CardAction[] = [];
  const status = fields.find(
    (field) => field.name === 'status' && isEditable(field) && field.options?.some(({ value }) => value === 'DONE'),
  );
  const done = status?.options?.find(({ value }) => value === 'DONE');
  if (object.nameSingular === 'task' && mayUpdate && status && done && readValue(model, status, row) !== 'DONE')
    actions.push({ key: 'done', label: done.label, icon: IconCheck, run: () => onSave(row, status, 'DONE') });
  const all = fields.map((field) => ({ field, value: readValue(model, field, row) }));
  for (const { field, value } of all) {
    const [phone] = field.type === 'PHONES' ? allPhones(value) : [];
    const run = () => go(`tel:${phone?.replace(/[^+\d]/g, '')}`);
    if (phone) actions.push({ key: `call ${field.name}`, label: t('Call {phone}', { phone }), icon: IconPhone, run });
  }
  for (const { field, value } of all) {
    const [email] = field.type === 'EMAILS' ? allEmails(value) : [];
    const run = () => go(`mailto:${email}`);
    if (email)
      actions.push({ key: `mail ${field.name}`, label: t('Write to {email}', { email }), icon: IconMail, run });
  }
  if (onFavourite) {
    const isOne = isFavourite(row.id);
    const label = isOne ? t('Take out of favourites') : t('Add to favourites');
    actions.push({ key: 'favourite', label, icon: isOne ? IconStarOff : IconStar, run: () => onFavourite(row.id) });
  }
  return actions;
}
