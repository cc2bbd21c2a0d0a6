import { ActionIcon, Autocomplete, Button, MultiSelect, TagsInput } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { visibleFields } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import { FormulaEditor } from '../settings/FormulaEditor.tsx';
import { ACTIONS, type Subscription } from './subscriptions.ts';
import classes from './webhooks.module.css';
import { t } from '../language/t.ts';

interface SubscriptionLineProps {
  value: Subscription;
  /** Objects of the other lines. */
  taken: string[];
  onChange: (value: Subscription) => void;
  onRemove: (() => void) | null;
}

const ANY = t('Any object');

/** One object: which of its events, of which records, with which fields. */
export function SubscriptionLine({ value, taken, onChange, onRemove }: SubscriptionLineProps) {
  const model = useWholeModel();
  const objects = model.objects.filter(({ isActive, isJunction }) => isActive && !isJunction);
  const object = objects.find(({ nameSingular }) => nameSingular === value.object);
  const [text, setText] = useState(value.object === '*' ? ANY : (object?.labelSingular ?? value.object));
  const [isOpen, setIsOpen] = useState(value.filter !== '' || value.fields.length > 0);
  const choose = (next: string) => {
    setText(next);
    const chosen =
      next === ANY ? '*' : (objects.find(({ labelSingular }) => labelSingular === next)?.nameSingular ?? next.trim());
    onChange({ ...value, object: chosen, ...(chosen === value.object ? {} : { filter: '', fields: [] }) });
  };
  const isOwn = !object && value.object !== '*' && value.object !== '';
  return (
    <div className={classes.line}>
      <div className={classes.lineHead}>
        <Autocomplete
          aria-label={t('Object')}
          placeholder={t('Object, or the name of your own event')}
          data={[ANY, ...objects.map(({ labelSingular }) => labelSingular)]}
          value={text}
          onChange={choose}
          error={
            taken.includes(value.object) && value.object !== ''
              ? t('There is another line for it')
              : isOwn && !/^[A-Za-z][A-Za-z0-9_]*$/.test(value.object)
                ? t('Letters, digits and _ only')
                : null
          }
          className={classes.object}
        />
        <TagsInput
          aria-label={t('Actions')}
          placeholder={value.actions.length === 0 ? t('whatever happens') : undefined}
          data={isOwn ? [] : ACTIONS}
          value={value.actions}
          onChange={(actions) =>
            onChange({ ...value, actions: actions.filter((each) => /^[A-Za-z][A-Za-z0-9_]*$/.test(each)) })
          }
          className={classes.actions}
        />
        {onRemove ? (
          <ActionIcon variant="subtle" color="gray" aria-label={t('Remove the line')} onClick={onRemove}>
            <IconX size={15} />
          </ActionIcon>
        ) : null}
      </div>
      {object && !isOpen ? (
        <Button variant="subtle" size="compact-xs" onClick={() => setIsOpen(true)} className={classes.add}>
          {t('Only some records or fields')}
        </Button>
      ) : null}
      {object && isOpen ? (
        <>
          <FormulaEditor
            object={object}
            context="FILTER"
            label={t('Only records for which this holds')}
            placeholder={t('every record')}
            value={value.filter}
            onChange={(filter) => onChange({ ...value, filter })}
          />
          <MultiSelect
            label={t('Only these fields')}
            description={t('A change of none of them is not told')}
            placeholder={value.fields.length === 0 ? t('all that the role reads') : undefined}
            searchable
            data={visibleFields(object).map(({ name, label }) => ({ value: name, label }))}
            value={value.fields}
            onChange={(fields) => onChange({ ...value, fields })}
          />
        </>
      ) : null}
    </div>
  );
}
