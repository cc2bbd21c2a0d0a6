import { ActionIcon } from '@mantine/core';
import { IconMail, IconPhone } from '@tabler/icons-react';
import { visibleFields } from '../model/lookup.ts';
import type { FieldType, ModelObject, RecordRow } from '../model/types.ts';
import { t } from '../language/t.ts';

/** The first part of such a field that says something. */
const first = (object: ModelObject, row: RecordRow, type: FieldType, part: string): RecordRow[string] | undefined =>
  visibleFields(object)
    .filter((field) => field.type === type)
    .map((field) => row[field.columns.find((column) => column.part === part)?.name ?? ''])
    .find(Boolean);

/** On a phone one calls and writes by a touch. */
export function ContactButtons({ object, row }: { object: ModelObject; row: RecordRow }) {
  const number = first(object, row, 'PHONES', 'primaryPhoneNumber');
  const code = first(object, row, 'PHONES', 'primaryPhoneCallingCode') ?? '';
  const email = first(object, row, 'EMAILS', 'primaryEmail');
  return (
    <>
      {number ? (
        <ActionIcon component="a" href={`tel:${code}${number}`} variant="subtle" aria-label={t('Call')}>
          <IconPhone size={18} />
        </ActionIcon>
      ) : null}
      {email ? (
        <ActionIcon component="a" href={`mailto:${email}`} variant="subtle" aria-label={t('Write an e-mail')}>
          <IconMail size={18} />
        </ActionIcon>
      ) : null}
    </>
  );
}
