import { Alert, Button, Group, Modal, Radio, Select, Skeleton } from '@mantine/core';
import { IconArrowNarrowRight } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { previewConversion, type Conversion } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import type { FieldOption, FieldSettings, FieldType, ModelField, ModelObject } from '../model/types.ts';
import classes from './convert.module.css';
import { convertibleTypes } from './conversions.ts';
import { emptyDraft, type FieldDraft } from './fieldDraft.ts';
import { useSubmit } from './formFailure.ts';
import { cleanOptions, draftOptions } from './optionDrafts.ts';
import { OptionList } from './OptionList.tsx';
import { proposeChanges } from './planStore.ts';
import { duration, waitOf } from './planText.ts';
import { hasOptions } from './typeCatalogue.ts';
import { TypeSettings } from './TypeSettings.tsx';
import { useInquiry } from './useInquiry.ts';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const shownValue = (value: unknown): string =>
  value === null || value === undefined ? 'empty' : typeof value === 'string' ? value : JSON.stringify(value);

function costText(conversion: Conversion): string {
  if (conversion.inPlace) return t('The values stay as they are.');
  const time = duration(conversion.estimatedMs ?? 0);
  if (conversion.isOnline)
    return t(
      'The values are converted in the background, in about {time}. People go on working, and the field changes when all is done.',
      { time },
    );
  const wait = waitOf(conversion.lockLevel);
  const held =
    wait === 'everybody'
      ? t('Reading and writing wait for about {time}', { time })
      : wait === 'writers'
        ? t('Writing waits for about {time}', { time })
        : t('Nobody waits');
  return conversion.rewrites ? t('{held}, while every record is written anew.', { held }) : `${held}.`;
}

function Outcome({ object, conversion }: { object: ModelObject; conversion: Conversion }) {
  const { total, empty, converts, fails } = conversion;
  const share = (n: number) => `${total > 0 ? (100 * n) / total : 0}%`;
  return (
    <>
      <div
        className={classes.bar}
        role="img"
        aria-label={t('{converts} convert, {fails} fail, {empty} are empty', { converts, fails, empty })}
      >
        <span data-kind="converts" style={{ width: share(converts) }} />
        <span data-kind="fails" style={{ width: share(fails) }} />
      </div>
      <ul className={classes.counts}>
        <li data-kind="converts">
          {t('{converts, plural, one {# value converts} other {# values convert}}', { converts })}
        </li>
        <li data-kind="fails">{t('{fails, plural, one {# value does not} other {# values do not}}', { fails })}</li>
        <li data-kind="empty">
          {t('{empty, plural, one {# record is empty} other {# records are empty}}', { empty })}
        </li>
      </ul>
      {conversion.samples.length > 0 ? (
        <table className={classes.samples}>
          <caption className="visually-hidden">{t('Some values before and after')}</caption>
          <tbody>
            {conversion.samples.slice(0, 5).map((sample, index) => (
              <tr key={`${index} ${shownValue(sample.before)}`}>
                <td>{shownValue(sample.before)}</td>
                <td>
                  <IconArrowNarrowRight size={15} aria-label={t('becomes')} />
                </td>
                <td>{shownValue(sample.after)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      {conversion.failures.length > 0 ? (
        <section aria-label={t('Values that do not convert')}>
          <h3 className={classes.heading}>{t('These do not convert')}</h3>
          <ul className={classes.failures}>
            {conversion.failures.slice(0, 20).map((failure) => (
              <li key={failure.id}>
                <Link
                  to="/objects/$namePlural/$id"
                  params={{ namePlural: object.namePlural, id: failure.id }}
                  target="_blank"
                >
                  {failure.label || t('Untitled')}
                </Link>
                <code>{shownValue(failure.value)}</code>
              </li>
            ))}
          </ul>
          {fails > 20 ? (
            <p className={classes.dim}>
              {t('{fails, plural, one {# value altogether.} other {# values altogether.}}', { fails })}
            </p>
          ) : null}
        </section>
      ) : null}
      <p className={classes.dim}>
        {costText(conversion)}{' '}
        {conversion.inPlace ? null : t('The former values are kept for a while, so the change can be undone.')}
      </p>
    </>
  );
}

export function ChangeType({
  object,
  field,
  onClose,
}: {
  object: ModelObject;
  field: ModelField;
  onClose: () => void;
}) {
  const model = useWholeModel();
  const [type, setType] = useState<FieldType | null>(null);
  const [draft, setDraft] = useState<FieldDraft>(() => emptyDraft('TEXT'));
  const [onFailure, setOnFailure] = useState<'REFUSE' | 'EMPTY'>('REFUSE');
  const { busy, submit, problem } = useSubmit();

  const choose = (next: FieldType) => {
    const fresh = emptyDraft(next);
    // Options survive between select and multi-select; from text they are what the values say, unless people list them.
    setDraft({ ...fresh, options: hasOptions(next) ? draftOptions(field.options ?? []) : [] });
    setType(next);
  };
  const options: FieldOption[] | null = type && hasOptions(type) ? cleanOptions(draft.options) : null;
  const givenOptions = options && options.length > 0 ? options : null;
  const settings: FieldSettings = draft.settings;
  const key = type ? JSON.stringify([field.id, type, settings, givenOptions, model.version]) : null;
  const preview = useInquiry(key, () => previewConversion(field.id, type ?? field.type, settings, givenOptions));
  const conversion = preview.busy ? null : preview.answer;
  const fails = conversion?.fails ?? 0;
  const isRefused = conversion !== null && !conversion.isPossible && fails === 0;

  const save = () =>
    submit(async () => {
      if (!type) return;
      const isApplied = await proposeChanges(
        t('Make “{label}” {label2}', { label: field.label, label2: inSentence(FIELD_TYPES[type].label) }),
        [
          {
            op: 'update',
            table: 'fields',
            id: field.id,
            values: {
              type,
              settings: { ...settings, onFailure },
              ...(givenOptions ? { options: givenOptions } : {}),
            },
          },
        ],
        { verb: t('Change type') },
      );
      if (isApplied) onClose();
    });

  return (
    <Modal
      opened
      onClose={onClose}
      closeOnEscape={useIsTop()}
      title={t('Change the type of “{label}”', { label: field.label })}
      size="lg"
    >
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          // The dialog stands within the field's own form, which would save too.
          event.stopPropagation();
          void save();
        }}
      >
        <Select
          label={t('{label} becomes', { label: FIELD_TYPES[field.type].label })}
          placeholder={t('Choose a type')}
          data={convertibleTypes(field.type).map((each) => ({ value: each, label: FIELD_TYPES[each].label }))}
          value={type}
          onChange={(value) => value && choose(value as FieldType)}
          searchable
          data-autofocus
          renderOption={({ option }) => {
            const TypeIcon = FIELD_TYPES[option.value as FieldType].icon;
            return (
              <Group gap={8}>
                <TypeIcon size={15} stroke={1.75} aria-hidden /> {option.label}
              </Group>
            );
          }}
        />
        {type && hasOptions(type) ? (
          <>
            <OptionList options={draft.options} onChange={(next) => setDraft({ ...draft, options: next })} />
            {givenOptions ? null : (
              <p className={classes.dim}>{t('With no options given, each different value becomes one.')}</p>
            )}
          </>
        ) : type ? (
          <TypeSettings draft={draft} onChange={(patch) => setDraft({ ...draft, ...patch })} />
        ) : null}
        {preview.failure ? (
          <Alert color="red" role="alert">
            {preview.failure.message} {preview.failure.hint}
          </Alert>
        ) : type && !conversion ? (
          <Skeleton height={90} />
        ) : conversion && isRefused ? (
          <Alert color="orange" role="alert">
            {conversion.note || t('This conversion is not possible.')}
          </Alert>
        ) : conversion ? (
          <Outcome object={object} conversion={conversion} />
        ) : null}
        {fails > 0 ? (
          <Radio.Group
            label={t('Values that do not convert')}
            value={onFailure}
            onChange={(value) => setOnFailure(value as 'REFUSE' | 'EMPTY')}
          >
            <Radio value="REFUSE" label={t('Change nothing while there are any')} mt={6} size="xs" />
            <Radio value="EMPTY" label={t('Empty them')} mt={6} size="xs" />
          </Radio.Group>
        ) : null}
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={!conversion || isRefused || (fails > 0 && onFailure === 'REFUSE')}
          >
            {t('Change type')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
